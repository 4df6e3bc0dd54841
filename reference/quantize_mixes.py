"""Makes testdata/quant/mixes.json: the type that llama.cpp gives each matrix in each of its mixes, for the released shapes.

    python reference/quantize_mixes.py LLAMA_QUANTIZE

LLAMA_QUANTIZE is the program of that name of a build of llama.cpp; its --dry-run needs no weights, so the files it is shown are
holes behind a header. Runs of equal types of consecutive layers are recorded as [type, layers]. Needs: numpy, gguf.
"""

import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
import numpy as np

OUT = Path(__file__).resolve().parent.parent / "testdata" / "quant" / "mixes.json"
# Name: architecture, layers, hidden, feed-forward, heads, key/value heads, head dim, vocabulary, tied.
SHAPES = {
    "smollm2-135m": ("llama", 30, 576, 1536, 9, 3, 64, 49152, True),
    "smollm2-360m": ("llama", 32, 960, 2560, 15, 5, 64, 49152, True),
    "smollm2-1.7b": ("llama", 24, 2048, 8192, 32, 32, 64, 49152, True),
    "smollm3-3b": ("smollm3", 36, 2048, 11008, 16, 4, 128, 128256, True),
    "untied": ("llama", 17, 512, 1280, 8, 4, 64, 1000, False),
    "odd-rows": ("llama", 3, 80, 208, 5, 5, 16, 1000, True),
}  # fmt: skip
MIXES = "q4_0 q4_1 q5_0 q5_1 q8_0 q2_k q3_k_s q3_k_m q3_k_l q4_k_s q4_k_m q5_k_s q5_k_m q6_k iq4_nl".split()
LINE = re.compile(r"\[ *\d+/ *\d+\] +(\S+) +- \[ *(\d+), *(\d+),.*?type = +(\w+), size = .*?(?:\((\w+)\))?$")


def tensors_of(shape):
    """Name and [outputs, inputs] of every tensor."""
    _, layers, c, f, h, g, d, v, tied = shape
    yield "token_embd.weight", (v, c)
    for i in range(layers):
        yield f"blk.{i}.attn_norm.weight", (c,)
        yield f"blk.{i}.attn_q.weight", (h * d, c)
        yield f"blk.{i}.attn_k.weight", (g * d, c)
        yield f"blk.{i}.attn_v.weight", (g * d, c)
        yield f"blk.{i}.attn_output.weight", (c, h * d)
        yield f"blk.{i}.ffn_norm.weight", (c,)
        yield f"blk.{i}.ffn_gate.weight", (f, c)
        yield f"blk.{i}.ffn_up.weight", (f, c)
        yield f"blk.{i}.ffn_down.weight", (c, f)
    yield "output_norm.weight", (c,)
    if not tied:
        yield "output.weight", (v, c)


def write_hollow(path, shape):
    """A GGUF file with these tensors in BF16 and no numbers."""
    arch, layers, c, f, h, g, d, v, _ = shape
    writer = gguf.GGUFWriter(path, arch)
    writer.add_block_count(layers)
    writer.add_context_length(2048)
    writer.add_embedding_length(c)
    writer.add_feed_forward_length(f)
    writer.add_head_count(h)
    writer.add_head_count_kv(g)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(d)
    writer.add_vocab_size(v)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_BF16)
    end = 0
    for name, dims in tensors_of(shape):
        matrix = len(dims) == 2
        size = int(np.prod(dims)) * (2 if matrix else 4)
        kind = gguf.GGMLQuantizationType.BF16 if matrix else gguf.GGMLQuantizationType.F32
        byte_dims = (*dims[:-1], dims[-1] * 2) if matrix else dims
        writer.add_tensor_info(name, byte_dims, np.dtype(np.uint8 if matrix else np.float32), size, raw_dtype=kind)
        end += -(-size // 32) * 32
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    os.truncate(path, os.path.getsize(path) + end + 64)


def write_imatrix(path, shape):
    """An importance matrix of ones."""
    writer = gguf.GGUFWriter(path, "imatrix")
    writer.add_type("imatrix")
    writer.add_array("imatrix.datasets", ["ones"])
    writer.add_uint32("imatrix.chunk_count", 1)
    writer.add_uint32("imatrix.chunk_size", 512)
    for name, dims in tensors_of(shape):
        if len(dims) == 2:
            writer.add_tensor(f"{name}.in_sum2", np.ones((1, dims[1]), dtype=np.float32))
            writer.add_tensor(f"{name}.counts", np.ones((1, 1), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def choices(program, model, mix, imatrix):
    """Type of every matrix: {kind: [[type, layers], ...]}, and the bytes of all tensors."""
    command = [program, "--dry-run", *(["--imatrix", imatrix] if imatrix else []), model, mix]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    found, total = {}, 0
    for line in (run.stdout + run.stderr).splitlines():
        # The warning of a fallback stands in the same line as the tensor.
        match = LINE.search(line.strip())
        if not match:
            continue
        name, cols, rows, before, after = match.groups()
        kind = gguf.GGMLQuantizationType[(after or before).upper()]
        block, size = gguf.GGML_QUANT_SIZES[kind]
        total += int(cols) * int(rows) // block * size
        if int(rows) > 1:
            parts = name.split(".")
            slot, layer = (parts[2], int(parts[1])) if parts[0] == "blk" else (parts[0], 0)
            found.setdefault(slot, {})[layer] = kind.name
    assert found, run.stdout + run.stderr
    runs = {
        slot: [[kind, len(list(group))] for kind, group in itertools.groupby(types[i] for i in sorted(types))]
        for slot, types in found.items()
    }
    return {"bytes": total, **runs}


def main():
    program = sys.argv[1]
    recorded = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, shape in SHAPES.items():
            model, imatrix = f"{folder}/{name}.gguf", f"{folder}/{name}.imatrix"
            write_hollow(model, shape)
            write_imatrix(imatrix, shape)
            keys = "architecture layers hidden feed_forward heads kv_heads head_dim vocabulary tied".split()
            recorded[name] = {"shape": dict(zip(keys, shape)), "mixes": {}}
            for mix in MIXES:
                plain, with_imatrix = choices(program, model, mix, None), choices(program, model, mix, imatrix)
                recorded[name]["mixes"][mix] = {"plain": plain}
                if with_imatrix != plain:
                    recorded[name]["mixes"][mix]["imatrix"] = with_imatrix
            os.remove(model)
    text = json.dumps(recorded, indent=1)
    # Runs and small objects on one line each.
    text = re.sub(r"\[\s+\"(\w+)\",\s+(\d+)\s+\]", r'["\1", \2]', text)
    text = re.sub(r"\[\s+(\[\"\w+\", \d+\](?:,\s+\[\"\w+\", \d+\])*)\s+\]", lambda m: "[" + re.sub(r"\s+", " ", m[1]) + "]", text)
    OUT.write_text(text + "\n")
    print(f"{OUT}: {len(recorded)} shapes, {len(MIXES)} mixes")


if __name__ == "__main__":
    main()
