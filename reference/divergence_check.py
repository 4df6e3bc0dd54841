"""Holds the predictions of models that we quantise against those of llama.cpp's files of the same types: KL divergence from the F32 file.

    python reference/divergence_check.py SMOLLM LLAMA_QUANTIZE MODEL_DIR [--text FILE] [--orders N] [--types TYPE,...]
    python reference/divergence_check.py SMOLLM LLAMA_QUANTIZE STORIES_GGUF --text FILE --golden

SMOLLM is the binary, LLAMA_QUANTIZE llama.cpp's program, MODEL_DIR what `train_small.py` makes. One model is one throw of the dice:
rounding errors that happen to fall well make 10 % of a divergence. So each type is measured with the channels of the model in N orders
(5), which changes no prediction but which elements share a block; fails where our average is larger than llama.cpp's. Weights are
compared, not kernels: each file is converted back to F32. --golden writes llama.cpp's divergences for stories260K (`stories260k.py`)
to testdata/quant/divergence.txt. Needs: torch, safetensors.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

GOLDEN = Path(__file__).resolve().parent.parent / "testdata" / "quant" / "divergence.txt"
TYPES = "q8_0 q6_k q5_k_m q4_k_m q4_k_s iq4_nl q4_0 q3_k_m q2_k".split()
WIDEST = ["q8_0", "q4_0", "iq4_nl"]  # the types that rows of 64 fit
GOLDEN_BYTES, TEXT_BYTES = 8192, 15000


def reorder(source, out, seed):
    """The model with its channels, and those of each feed-forward, in another order."""
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(source, out, ignore=shutil.ignore_patterns("*.gguf", "*.safetensors"))
    generator = torch.Generator().manual_seed(seed)
    tensors = load_file(source / "model.safetensors")
    channels = torch.randperm(tensors["model.embed_tokens.weight"].shape[1], generator=generator)
    inner = {}
    for name, tensor in tensors.items():
        module, kind = name.rsplit(".", 2)[:2]
        if kind in ("gate_proj", "up_proj", "down_proj") and module not in inner:
            width = tensor.shape[1] if kind == "down_proj" else tensor.shape[0]
            inner[module] = torch.randperm(width, generator=generator)
    changed = {}
    for name, tensor in tensors.items():
        module, kind = name.rsplit(".", 2)[:2]
        if kind in ("gate_proj", "up_proj"):
            tensor = tensor[inner[module]]
        if kind == "down_proj":
            tensor = tensor[:, inner[module]]
        along_rows = tensor.ndim == 1 or kind in ("o_proj", "down_proj")
        changed[name] = (tensor[channels] if along_rows else tensor[:, channels]).contiguous()
    save_file(changed, out / "model.safetensors", metadata={"format": "pt"})


class Programs:
    """Our binary and llama.cpp's, which finds its libraries beside itself."""

    def __init__(self, smollm, llama_quantize):
        self.smollm, self.llama_quantize = smollm, llama_quantize
        self.environment = {**os.environ, "LD_LIBRARY_PATH": str(Path(llama_quantize).resolve().parent)}

    def convert(self, source, out):
        subprocess.run([self.smollm, "convert", source, out, "--dtype", "f32", "--quiet"], check=True)

    def quantized(self, plain, kind, folder):
        """Our file of a type and llama.cpp's, as F32 again."""
        ours, theirs = folder / f"ours-{kind}.gguf", folder / f"theirs-{kind}.gguf"
        subprocess.run([self.smollm, "quantize", plain, ours, "--type", kind, "--quiet"], check=True)
        command = [self.llama_quantize, plain, theirs, kind.upper(), "2"]
        subprocess.run(command, check=True, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for path in (ours, theirs):
            self.convert(path, path.with_suffix(".f32.gguf"))
            path.unlink()
        return [path.with_suffix(".f32.gguf") for path in (ours, theirs)]

    def divergence(self, plain, models, text):
        """The mean KL of each model, in nats."""
        command = [self.smollm, "eval-quant", plain, *models, "--file", text, "--json", "--quiet"]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        return [json.loads(line)["mean_kl"] for line in lines]


def first_bytes(path, count, out):
    out.write_bytes(path.read_bytes()[:count])
    return out


def golden(programs, model, text, folder):
    lines = []
    for kind in WIDEST:
        _, theirs = programs.quantized(model, kind, folder)
        (divergence,) = programs.divergence(model, [theirs], text)
        lines.append(f"{kind} {divergence:.6e}\n")
    GOLDEN.write_text("".join(lines))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("smollm")
    parser.add_argument("llama_quantize")
    parser.add_argument("model", type=Path)
    parser.add_argument("--text", type=Path)
    parser.add_argument("--orders", type=int, default=5)
    parser.add_argument("--types", default=",".join(TYPES))
    parser.add_argument("--golden", action="store_true")
    options = parser.parse_args()
    programs, types = Programs(options.smollm, options.llama_quantize), options.types.split(",")
    worse = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        if options.golden:
            golden(programs, options.model, first_bytes(options.text, GOLDEN_BYTES, folder / "text"), folder)
            return
        text = first_bytes(options.text or options.model / "held_back.txt", TEXT_BYTES, folder / "text")
        found = {kind: [] for kind in types}
        for order in range(options.orders):
            home = folder / str(order)
            if order:
                reorder(options.model, home, order)
            else:
                home.mkdir()
            plain = home / "plain.gguf"
            programs.convert(home if order else options.model, plain)
            for kind in types:
                found[kind].append(programs.divergence(plain, programs.quantized(plain, kind, home), text))
            shutil.rmtree(home)
    for kind, pairs in found.items():
        ours, theirs = (sum(side) / len(pairs) for side in zip(*pairs))
        each = " ".join(f"{a:.6f}/{b:.6f}" for a, b in pairs)
        print(f"{kind:8} {ours:.6f} / {theirs:.6f} = {ours / theirs:.3f}   {each}")
        if ours > theirs:
            worse.append(kind)
    print("mean KL, ours / llama.cpp's = ratio, then each order of channels")
    sys.exit(f"larger than llama.cpp's: {', '.join(worse)}" if worse else 0)


if __name__ == "__main__":
    main()
