"""Golden logits of tiny random Llama and SmolLM3 models, made by transformers (f32 and bf16, eager attention, CPU).

Run: python reference/logits_golden.py OUTDIR [NAME ...]     (OUTDIR is testdata/logits; default: every name of tiny_configs.py)
Needs: numpy, torch, transformers, safetensors. One JSON file per configuration; testdata/logits/README.md explains the fields.
"""
import base64
import json
import os
import platform
import sys
import tempfile

import numpy as np
import safetensors.numpy
import torch
import transformers

import tiny_weights as tiny
from tiny_configs import CONFIGS, config_json

GREEDY = 64
MADE_BY = (f"reference/logits_golden.py; transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}, "
           f"numpy {np.__version__}, python {platform.python_version()}, eager attention, CPU")


def load(config, arrays, dtype):
    """The checkpoint written as a directory and read back by from_pretrained, as a user's would be."""
    with tempfile.TemporaryDirectory() as path:
        json.dump(config, open(os.path.join(path, "config.json"), "w"))
        safetensors.numpy.save_file(arrays, os.path.join(path, "model.safetensors"), {"format": "pt"})
        model, info = transformers.AutoModelForCausalLM.from_pretrained(
            path, dtype=dtype, attn_implementation="eager", output_loading_info=True)
    assert not any(info[k] for k in ("missing_keys", "unexpected_keys", "mismatched_keys")), info
    return model.eval()


def logits(model, ids):
    """[N, V] in f64, of one pass without a cache."""
    with torch.inference_mode():
        return model(torch.tensor([ids]), use_cache=False).logits[0].double().numpy()


def greedy(model, ids):
    """(new ids, gap between the two largest logits of each step), with the KV cache."""
    out, gaps, step, cache = [], [], torch.tensor([ids]), None
    with torch.inference_mode():
        for _ in range(GREEDY):
            result = model(step, past_key_values=cache, use_cache=True)
            cache = result.past_key_values
            top = result.logits[0, -1].topk(2)
            out.append(int(top.indices[0]))
            gaps.append(float(top.values[0] - top.values[1]))
            step = top.indices[None, :1]
    return out, gaps


def b64(rows):
    return base64.b64encode(np.ascontiguousarray(rows, dtype="<f4").tobytes()).decode()


def number(x, digits=6):
    return float(f"{x:.{digits}g}")


def golden(name):
    spec, config = CONFIGS[name], config_json(name)
    arrays = tiny.weights(config)
    vocab = config["vocab_size"]
    rounded = {k: tiny.round_bf16(v) for k, v in arrays.items()}
    f32, f32_of_bf16 = load(config, arrays, torch.float32), load(config, rounded, torch.float32)
    bf16 = load(config, rounded, torch.bfloat16)
    listed = [(k, list(v.shape)) for k, v in f32.state_dict().items() if k in arrays]
    assert listed == tiny.tensor_list(config), "the parameter order of transformers"
    exact = load(config, arrays, torch.float32).double()

    prompts, recorded, recorded_bf16, drift = [], [], [], 0.0
    bf16_delta, bf16_squares, bf16_all = 0.0, [], 0.0
    for n in spec["prompts"]:
        ids = tiny.prompt(f"{name}/{n}", n, vocab)
        positions = sorted({0, n // 2, n - 1})
        full = logits(f32, ids)
        drift = max(drift, np.abs(full - logits(exact, ids)).max())
        positions_bf16 = positions[-2:]
        full_bf16 = logits(f32_of_bf16, ids)
        delta = logits(bf16, ids) - full_bf16
        bf16_delta = max(bf16_delta, np.abs(delta[positions_bf16]).max())
        bf16_all = max(bf16_all, np.abs(delta).max())
        bf16_squares.append(np.square(delta).mean())
        recorded.append(full[positions])
        recorded_bf16.append(full_bf16[positions_bf16])
        prompt = {"name": f"{name}/{n}", "tokens": n, "ids_head": ids[:8], "positions": positions, "logits": b64(full[positions]),
                  "bf16_positions": positions_bf16, "bf16_logits": b64(full_bf16[positions_bf16])}
        if n in spec["greedy"]:
            for key, model in (("greedy", f32), ("bf16_greedy", f32_of_bf16)):
                new, gaps = greedy(model, ids)
                whole = logits(model, ids + new[:-1])[n - 1:]
                assert whole.argmax(-1).tolist() == new, f"{name}/{n}: cached and whole passes disagree"
                prompt[key] = {"ids": new, "gaps": [number(g, 4) for g in gaps]}
                if key == "bf16_greedy":
                    noise = np.abs(logits(bf16, ids + new[:-1])[n - 1:] - whole).max()
                    prompt[key]["hf_bf16_max_delta"] = number(noise)
                    prompt[key]["steps_above"] = int(sum(g > noise for g in gaps))
        prompts.append(prompt)

    flat, flat_bf16 = np.concatenate(recorded), np.concatenate(recorded_bf16)
    first = [(k, s) for k, s in listed if not k.startswith("model.layers.")]
    layer = [(k.replace(".0.", ".{i}.", 1), s) for k, s in listed if k.startswith("model.layers.0.")]
    return {
        "made_by": MADE_BY,
        "name": name,
        "config": config,
        "parameters": sum(v.size for v in arrays.values()),
        "tensors_outside_layers": first,
        "tensors_per_layer": layer,
        "weights_sha256": tiny.digest(arrays.values()),
        "bf16_weights_sha256": tiny.digest(rounded.values()),
        "inv_freq": [number(x, 9) for x in f32.model.rotary_emb.inv_freq.tolist()],
        "rope_attention_factor": number(f32.model.rotary_emb.attention_scaling, 9),
        "range": number(flat.max() - flat.min()),
        "f32_against_f64": number(drift),
        "bf16_range": number(flat_bf16.max() - flat_bf16.min()),
        "hf_bf16_max_delta": number(bf16_delta),
        "hf_bf16_max_delta_any_position": number(bf16_all),
        "hf_bf16_rms_delta": number(np.sqrt(np.mean(bf16_squares))),
        "prompts": prompts,
    }


def write(path, value):
    """One line per key, and per element of "prompts": small, and a diff stays readable."""
    lines = []
    for key, item in value.items():
        if key == "prompts":
            text = "[\n" + ",\n".join("  " + json.dumps(x) for x in item) + "\n ]"
        else:
            text = json.dumps(item)
        lines.append(f" {json.dumps(key)}: {text}")
    with open(path, "w") as f:
        f.write("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    out = sys.argv[1]
    torch.set_num_threads(2)
    for name in sys.argv[2:] or CONFIGS:
        result = golden(name)
        write(os.path.join(out, name + ".json"), result)
        steps = [(p["name"], min(p["greedy"]["gaps"]), len(set(p["greedy"]["ids"])), p["bf16_greedy"]["steps_above"])
                 for p in result["prompts"] if "greedy" in p]
        print(name, "range", result["range"], "f32/f64", f"{result['f32_against_f64'] / result['range']:.1e}", "bf16",
              f"{result['hf_bf16_max_delta'] / result['bf16_range']:.1e}", "greedy min gap, distinct, bf16 steps", steps)
