"""What llama.cpp's own converter writes for tiny models with a real tokenizer: metadata keys, types and values, and tensor names and dims.

Run: python reference/llama_cpp_convert_facts.py LLAMA_CPP_DIR TOKENIZER_DIR TESTDATA OUT.json
  LLAMA_CPP_DIR holds convert_hf_to_gguf.py (vendor/llama.cpp of the llama-cpp-python 0.3.36 source package)
  TOKENIZER_DIR holds the tokenizer files of SmolLM2-135M-Instruct; the tiny configurations of TESTDATA/logits get its vocabulary size
  OUT.json is testdata/llama_cpp/convert/metadata.json: [{"name", "outtype", "metadata": [[key, type, value]], "tensors": [[name, type, dims]]}]
Arrays and strings over 100 characters are given as {"count" or "bytes", "sha256"}: strings joined by newlines in UTF-8, numbers little-endian.
Needs: numpy, torch, transformers, safetensors, gguf.
"""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

import gguf
import numpy as np
import safetensors.torch
import torch

import tiny_weights as tiny

CASES = [("gqa-9-3", "bf16"), ("head-dim-24", "f16"), ("smollm3-nope", "f32"), ("smollm3-yarn", "bf16"), ("llama3-rope", "f16"),
         ("linear-rope", "f32"), ("mqa-5-1-untied", "bf16")]
# The converter derives these from the folder's name, not from the model.
NAMED_BY_FOLDER = ("general.name", "general.basename", "general.version", "general.finetune", "general.size_label")


def value_of(field):
    types = [t.name for t in field.types]
    value = field.contents()
    if types[0] == "ARRAY":
        data = "\n".join(value).encode() if types[1] == "STRING" else np.array(value, dtype={"INT32": "<i4", "FLOAT32": "<f4"}[types[1]]).tobytes()
        return f"{types[1]}[]", {"count": len(value), "sha256": hashlib.sha256(data).hexdigest()}
    if isinstance(value, str) and len(value) > 100:
        return types[0], {"bytes": len(value.encode()), "sha256": hashlib.sha256(value.encode()).hexdigest()}
    return types[0], float(f"{value:.8g}") if isinstance(value, float) else value


def facts(converter, tokenizer, config, outtype, folder):
    hf, out = os.path.join(folder, "hf"), os.path.join(folder, "out.gguf")
    shutil.rmtree(hf, ignore_errors=True)
    os.makedirs(hf)
    for name in os.listdir(tokenizer):
        if name not in ("config.json", "generation_config.json"):
            shutil.copyfile(os.path.join(tokenizer, name), os.path.join(hf, name))
    json.dump(config, open(os.path.join(hf, "config.json"), "w"))
    arrays = {k: torch.from_numpy(v).to(torch.bfloat16) for k, v in tiny.weights(config).items()}
    safetensors.torch.save_file(arrays, os.path.join(hf, "model.safetensors"), {"format": "pt"})
    subprocess.run([sys.executable, converter, hf, "--outfile", out, "--outtype", outtype], check=True, capture_output=True)
    reader = gguf.GGUFReader(out)
    metadata = [[k, *value_of(f)] for k, f in reader.fields.items() if not k.startswith("GGUF.") and k not in NAMED_BY_FOLDER]
    return metadata, [[t.name, t.tensor_type.name, [int(n) for n in t.shape]] for t in reader.tensors]


def main(llama_cpp, tokenizer, testdata, out):
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for name, outtype in CASES:
            config = json.load(open(os.path.join(testdata, "logits", name + ".json")))["config"] | {"vocab_size": 49152}
            metadata, tensors = facts(os.path.join(llama_cpp, "convert_hf_to_gguf.py"), tokenizer, config, outtype, folder)
            lines.append("  " + json.dumps({"name": name, "outtype": outtype, "metadata": metadata, "tensors": tensors}))
            print(name, outtype, len(metadata), "keys", len(tensors), "tensors")
    made_by = "reference/llama_cpp_convert_facts.py; convert_hf_to_gguf.py of llama-cpp-python 0.3.36, SmolLM2-135M-Instruct tokenizer, vocab_size 49152"
    with open(out, "w") as f:
        f.write("{\n \"made_by\": " + json.dumps(made_by) + ",\n \"models\": [\n" + ",\n".join(lines) + "\n ]\n}\n")


if __name__ == "__main__":
    main(*sys.argv[1:5])
