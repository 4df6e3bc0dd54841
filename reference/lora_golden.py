"""Golden logits of a tiny model under PEFT LoRA adapters, made by peft and transformers (f32, eager attention, CPU).

Run: python reference/lora_golden.py OUTDIR     (OUTDIR is testdata/lora). Needs: numpy, torch, transformers, safetensors, peft.
The base is a configuration of tiny_configs.py; adapter tensors are deterministic by name (tiny_weights.py), so no weights are stored.
Fields: base, adapter_config (the content of adapter_config.json), tensors ([name, shape] of adapter_model.safetensors), weights_sha256 (over
them in that order), range, f32_against_f64, and prompts as in testdata/logits, with base_delta = how far the adapter moves the logits.
"""
import json
import os
import sys
import tempfile

import numpy as np
import peft
import safetensors.numpy
import torch

import logits_golden
import tiny_weights as tiny
from tiny_configs import config_json

BASE = "gqa-9-3"
CASES = {
    "q-v": dict(r=4, lora_alpha=2, target_modules=["q_proj", "v_proj"]),
    "all-linear-rslora": dict(r=4, lora_alpha=1, target_modules="all-linear", use_rslora=True),
    "patterns": dict(r=4, lora_alpha=2, target_modules=["q_proj", "k_proj", "down_proj"], rank_pattern={"down_proj": 2},
                     alpha_pattern={"k_proj": 3}),
}
PROMPTS, GREEDY = [17, 64], 32


def golden(name):
    config = config_json(BASE)
    arrays = tiny.weights(config)
    base = logits_golden.load(config, arrays, torch.float32)
    with tempfile.TemporaryDirectory() as path:
        shell = peft.get_peft_model(logits_golden.load(config, arrays, torch.float32), peft.LoraConfig(task_type="CAUSAL_LM", **CASES[name]))
        shell.save_pretrained(path)
        stored = safetensors.numpy.load_file(os.path.join(path, "adapter_model.safetensors"))
        shapes = [(k, list(stored[k].shape)) for k in sorted(stored)]
        adapter = {k: tiny.tensor(k, s) for k, s in shapes}
        safetensors.numpy.save_file(adapter, os.path.join(path, "adapter_model.safetensors"), {"format": "pt"})
        adapter_config = json.load(open(os.path.join(path, "adapter_config.json")))
        adapter_config["target_modules"].sort()  # peft writes a set: its order is chance
        adapter_config["base_model_name_or_path"] = BASE
        model = peft.PeftModel.from_pretrained(logits_golden.load(config, arrays, torch.float32), path).eval()
        exact = peft.PeftModel.from_pretrained(logits_golden.load(config, arrays, torch.float32), path).eval().double()
    prompts, recorded, drift = [], [], 0.0
    for n in PROMPTS:
        prompt = f"{BASE}/{n}"
        ids = tiny.prompt(prompt, n, config["vocab_size"])
        positions = [n // 2, n - 1]
        full = logits_golden.logits(model, ids)
        drift = max(drift, np.abs(full - logits_golden.logits(exact, ids)).max())
        rows = full[positions]
        recorded.append(rows)
        new, gaps = logits_golden.greedy(model, ids)
        prompts.append({
            "name": prompt, "tokens": n, "positions": positions, "logits": logits_golden.b64(rows),
            "base_delta": logits_golden.number(np.abs(rows - logits_golden.logits(base, ids)[positions]).max()),
            "greedy": {"ids": new[:GREEDY], "gaps": [logits_golden.number(g, 4) for g in gaps[:GREEDY]]},
        })
    flat = np.concatenate(recorded)
    made_by = logits_golden.MADE_BY.replace("logits_golden.py; ", f"lora_golden.py; peft {peft.__version__}, ")
    return {"made_by": made_by, "name": name, "base": BASE, "adapter_config": adapter_config, "tensors": shapes,
            "weights_sha256": tiny.digest(adapter.values()), "range": logits_golden.number(flat.max() - flat.min()),
            "f32_against_f64": logits_golden.number(drift), "prompts": prompts}


if __name__ == "__main__":
    os.makedirs(sys.argv[1], exist_ok=True)
    for name in CASES:
        result = golden(name)
        logits_golden.write(os.path.join(sys.argv[1], name + ".json"), result)
        print(name, "range", result["range"], "f32/f64", f"{result['f32_against_f64'] / result['range']:.1e}",
              "moved by", [p["base_delta"] for p in result["prompts"]], "min gap", [min(p["greedy"]["gaps"]) for p in result["prompts"]])
