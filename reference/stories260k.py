"""stories260K (a real trained Llama in llama2.c's format) as a Hugging Face directory and as GGUF, proven by its recorded greedy ids.

Run: python reference/stories260k.py STORIES_DIR OUT_DIR [FACTS.json]
  STORIES_DIR holds stories260K.bin, tok512.bin and expected_greedy_200_ids.json
  OUT_DIR receives hf/{config.json, model.safetensors}, stories260k-f32.gguf and stories260k-f16.gguf
  FACTS.json (testdata/stories260k.json) receives digests, the greedy ids and their gaps
Needs: numpy, gguf, safetensors, torch, transformers. crates/smollm-testkit/src/stories260k.rs is the Rust half.

llama2.c v0 layout: seven int32 (dim, hidden_dim, layers, heads, kv heads, vocabulary, positions), then f32 token embedding; for all layers
attention norm, wq, wk, wv, wo, ffn norm, w1 (gate), w2 (down), w3 (up); the final norm; two unused tables. The head is tied.
q and k rows are in adjacent pairs, GGUF's order; Hugging Face wants each head's even rows first, then the odd ones.
"""
import hashlib
import json
import os
import struct
import sys

import numpy as np
import safetensors.numpy
import torch
import transformers

import gguf_files
import tiny_weights as tiny


def read_model(path):
    """(config, arrays by Hugging Face name with q and k still in pairs)."""
    data = open(path, "rb").read()
    c, f, l, h, g, v, positions = struct.unpack("<7i", data[:28])
    assert v > 0, "a negative vocabulary size would mean an untied head"
    flat, at = np.frombuffer(data, "<f4", offset=28), 0

    def take(*shape):
        nonlocal at
        n = int(np.prod(shape))
        at += n
        return flat[at - n:at].reshape(shape)

    kv = c // h * g
    parts = {"embed": take(v, c)}
    for name, shape in [("input_layernorm", (c,)), ("self_attn.q_proj", (c, c)), ("self_attn.k_proj", (kv, c)), ("self_attn.v_proj", (kv, c)),
                        ("self_attn.o_proj", (c, c)), ("post_attention_layernorm", (c,)), ("mlp.gate_proj", (f, c)), ("mlp.down_proj", (c, f)),
                        ("mlp.up_proj", (f, c))]:
        parts[name] = take(l, *shape)
    config = {
        "architectures": ["LlamaForCausalLM"], "attention_bias": False, "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu",
        "hidden_size": c, "intermediate_size": f, "max_position_embeddings": positions, "mlp_bias": False, "model_type": "llama",
        "num_attention_heads": h, "num_hidden_layers": l, "num_key_value_heads": g, "rms_norm_eps": 1e-5, "rope_scaling": None,
        "rope_theta": 10000.0, "tie_word_embeddings": True, "torch_dtype": "float32", "vocab_size": v,
    }
    final = take(c)
    arrays = {}
    for name, _ in tiny.tensor_list(config):
        if name.startswith("model.layers."):
            _, _, i, rest = name.split(".", 3)
            arrays[name] = parts[rest.removesuffix(".weight")][int(i)]
        else:
            arrays[name] = parts["embed"] if "embed" in name else final
    return config, arrays


def half_split(weight, heads):
    """Rows of each head from adjacent pairs to half-split."""
    return weight.reshape(heads, -1, 2, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def read_vocabulary(path):
    """GGUF metadata of the SentencePiece vocabulary; llama2.c stores pieces with spaces, GGUF with U+2581."""
    data, at, tokens, scores = open(path, "rb").read(), 4, [], []
    while at < len(data):
        score, length = struct.unpack_from("<fi", data, at)
        tokens.append(data[at + 8:at + 8 + length].decode().replace(" ", "\u2581"))
        scores.append(score)
        at += 8 + length
    tokens[:3] = ["<unk>", "<s>", "</s>"]
    types = [2, 3, 3] + [6] * 256 + [1] * (len(tokens) - 259)
    return [
        ("tokenizer.ggml.model", "STRING", "llama"), ("tokenizer.ggml.pre", "STRING", "default"), ("tokenizer.ggml.tokens", "STRING[]", tokens),
        ("tokenizer.ggml.scores", "FLOAT32[]", scores), ("tokenizer.ggml.token_type", "INT32[]", types),
        ("tokenizer.ggml.bos_token_id", "UINT32", 1), ("tokenizer.ggml.eos_token_id", "UINT32", 2), ("tokenizer.ggml.unknown_token_id", "UINT32", 0),
        ("tokenizer.ggml.add_bos_token", "BOOL", True), ("tokenizer.ggml.add_eos_token", "BOOL", False),
        ("tokenizer.ggml.add_space_prefix", "BOOL", True),
    ]


def greedy(path, n):
    """(ids after BOS, gap per step) by transformers, f32, one whole pass per step's prefix at the end to get exact gaps."""
    model = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()
    ids, cache, step = [], None, torch.tensor([[1]])
    with torch.inference_mode():
        for _ in range(n):
            result = model(step, past_key_values=cache, use_cache=True)
            cache, step = result.past_key_values, result.logits[:, -1].argmax(-1, keepdim=True)
            ids.append(int(step))
        logits = model(torch.tensor([[1] + ids[:-1]])).logits[0]
    top = logits.topk(2).values
    assert logits.argmax(-1).tolist() == ids
    return ids, [float(f"{x:.4g}") for x in (top[:, 0] - top[:, 1]).tolist()], logits[0].tolist()


def main(stories, out, facts=None):
    config, paired = read_model(os.path.join(stories, "stories260K.bin"))
    arrays = dict(paired)
    for name in arrays:
        if "q_proj" in name or "k_proj" in name:
            arrays[name] = half_split(arrays[name], config["num_attention_heads" if "q_proj" in name else "num_key_value_heads"])
    hf = os.path.join(out, "hf")
    os.makedirs(hf, exist_ok=True)
    json.dump(config, open(os.path.join(hf, "config.json"), "w"), indent=1)
    safetensors.numpy.save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, os.path.join(hf, "model.safetensors"), {"format": "pt"})
    vocabulary = read_vocabulary(os.path.join(stories, "tok512.bin"))
    digests = {}
    for stored in ("f32", "f16"):
        path = os.path.join(out, f"stories260k-{stored}.gguf")
        meta = gguf_files.metadata(config, "stories260K", gguf_files.STORED[stored][1], vocabulary)
        gguf_files.write(path, meta, gguf_files.tensors(config, paired, permuted=False), stored)
        digests[stored] = hashlib.sha256(open(path, "rb").read()).hexdigest()
    same = gguf_files.tensors(config, arrays)
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(same, gguf_files.tensors(config, paired, permuted=False))), "permute inverts half_split"
    expected = json.load(open(os.path.join(stories, "expected_greedy_200_ids.json")))
    ids, gaps, first = greedy(hf, 200)
    assert ids == expected["greedy_ids"], "the recorded greedy ids"
    drift = np.abs(np.array(first) - np.array(expected["first_step_logits"])).max()
    print(f"200 greedy ids as recorded; first-step logits within {drift:.1e}; smallest gap {min(gaps)}")
    if facts:
        lines = {
            "made_by": f"reference/stories260k.py; transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}, f32, CPU",
            "config": config,
            "hf_weights_sha256": tiny.digest(arrays.values()),
            "gguf_sha256": digests,
            "gguf_f32_bytes": os.path.getsize(os.path.join(out, "stories260k-f32.gguf")),
            "prompt_ids": [1], "greedy_ids": ids, "gaps": gaps,
        }
        with open(facts, "w") as f:
            f.write("{\n" + ",\n".join(f" {json.dumps(k)}: {json.dumps(v)}" for k, v in lines.items()) + "\n}\n")


if __name__ == "__main__":
    main(*sys.argv[1:4])
