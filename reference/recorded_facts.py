"""What transformers says about some prompts: ids, the ten largest logits of the last position, a greedy continuation.

Run: python reference/recorded_facts.py MODEL_DIR MODEL_ID OUT.json TEXT [TEXT...]
  MODEL_DIR is a Hugging Face directory; MODEL_ID the name under which `cargo xtask accept real-weights` pulls it
  OUT.json is a file as in testdata/recorded (the README there explains the fields)
The stand-ins of testdata/recorded/stand_in are made by `cargo run -p smollm-testkit --example stand_in_models DIR`.
Needs: torch, transformers. CPU, weights widened to f32.
"""
import hashlib
import json
import os
import sys

import torch
import transformers


def facts(model, tokenizer, text, steps=20):
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        last = model(torch.tensor([ids])).logits[0, -1]
        sequence = list(ids)
        for _ in range(steps):
            sequence.append(int(model(torch.tensor([sequence])).logits[0, -1].argmax()))
    top = last.topk(10)
    return {"text": text, "ids": ids, "top_ids": top.indices.tolist(), "top_logits": [float(f"{x:.7g}") for x in top.values.tolist()],
            "greedy_ids": sequence[len(ids):]}


def main(directory, name, out, texts):
    model = transformers.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    weights = hashlib.sha256(open(os.path.join(directory, "model.safetensors"), "rb").read()).hexdigest()
    source = f"reference/recorded_facts.py; transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}, f32, CPU"
    head = {"model": name, "source": source, "weights_sha256": weights, "dtype": "f32", "tolerance": {"absolute": 1e-4, "relative": 0}}
    lines = [f" {json.dumps(k)}: {json.dumps(v)}" for k, v in head.items()]
    prompts = ",\n".join("  " + json.dumps(facts(model, tokenizer, text)) for text in texts)
    with open(out, "w") as f:
        f.write("{\n" + ",\n".join(lines) + ",\n \"prompts\": [\n" + prompts + "\n ]\n}\n")


if __name__ == "__main__":
    main(*sys.argv[1:4], sys.argv[4:])
