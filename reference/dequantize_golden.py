"""Makes testdata/quant/TYPE.bin: blocks of each GGUF block format and the values they stand for.

    python reference/dequantize_golden.py [LIBGGML]

The values are those of the Python package gguf (`gguf.quants.dequantize`). With the path of ggml's library (libggml-base.so of a
build of llama.cpp) its `dequantize_row_*` must give the same bits. Needs: numpy, gguf.
"""

import ctypes
import sys
from pathlib import Path

import gguf
import numpy as np

OUT = Path(__file__).resolve().parent.parent / "testdata" / "quant"
# Type: (offsets of the f16 numbers in a block, blocks in the file).
TYPES = {
    "Q4_0": ([0], 10), "Q4_1": ([0, 2], 10), "Q5_0": ([0], 10), "Q5_1": ([0, 2], 10), "Q8_0": ([0], 10), "IQ4_NL": ([0], 10),
    "Q2_K": ([80, 82], 6), "Q3_K": ([108], 6), "Q4_K": ([0, 2], 6), "Q5_K": ([0, 2], 6), "Q6_K": ([208], 6), "IQ4_XS": ([0], 6),
}  # fmt: skip
# Scales of the first blocks, as f16 patterns: zero, the smallest subnormal, the largest number, minus infinity.
ODD_SCALES = [0x0000, 0x8001, 0x7BFF, 0xFC00]


def blocks_of(name: str, offsets: list[int], count: int) -> np.ndarray:
    """Random blocks with scales around 0.01 and a few odd ones."""
    _, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]
    rng = np.random.default_rng(sum(name.encode()))
    blocks = rng.integers(0, 256, (count, size), dtype=np.uint8)
    for offset in offsets:
        scales = (rng.standard_normal(count) * 0.01).astype(np.float16)
        scales[: len(ODD_SCALES)] = np.array(ODD_SCALES, dtype=np.uint16).view(np.float16)
        blocks[:, offset : offset + 2] = scales.view(np.uint8).reshape(count, 2)
    return blocks


def library_values(library: ctypes.CDLL, name: str, blocks: np.ndarray, count: int) -> np.ndarray:
    """The same values by ggml."""
    lower = name.lower().replace("_k", "_K") if name.endswith("_K") else name.lower()
    out = np.empty(count, dtype=np.float32)
    row = library[f"dequantize_row_{lower}"]
    row.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    row(np.ascontiguousarray(blocks).ctypes.data, out.ctypes.data, count)
    return out


def main() -> None:
    library = ctypes.CDLL(sys.argv[1]) if len(sys.argv) > 1 else None
    OUT.mkdir(parents=True, exist_ok=True)
    for name, (offsets, count) in TYPES.items():
        blocks = blocks_of(name, offsets, count)
        with np.errstate(all="ignore"):
            values = gguf.quants.dequantize(blocks, gguf.GGMLQuantizationType[name]).astype(np.float32).ravel()
        if library is not None:
            other = library_values(library, name, blocks, values.size)
            same = (values.view(np.uint32) == other.view(np.uint32)) | (np.isnan(values) & np.isnan(other))
            assert same.all(), f"{name}: ggml and gguf differ in {np.count_nonzero(~same)} values"
        (OUT / f"{name}.bin").write_bytes(blocks.tobytes() + values.astype("<f4").tobytes())
        print(f"{name}: {count} blocks, {values.size} values" + (", the same by ggml" if library is not None else ""))


if __name__ == "__main__":
    main()
