"""Holds the errors of our quantisers against those of ggml's on the same numbers; prints a table, fails where ours is larger.

    python reference/quantize_check.py QUANTIZE_ROWS LIBGGML [--golden]

QUANTIZE_ROWS is the example of that name of smollm-kernels (`cargo xtask accept quantizers` builds it), LIBGGML ggml's library
(libggml-base.so of a build of llama.cpp). Errors are root mean squares, without importances, and weighted by them with them.
--golden writes what ggml reaches on the numbers of the kernels' own test to testdata/quant/errors.txt. Needs: numpy, gguf.
"""

import ctypes
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
import numpy as np

GOLDEN = Path(__file__).resolve().parent.parent / "testdata" / "quant" / "errors.txt"
TYPES = "Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 IQ4_NL Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_XS".split()
ROWS, COLS = 96, 1536


def samples():
    """Matrices like those of trained models, from harmless to nasty."""
    rng = np.random.default_rng(7)
    normal = rng.standard_normal((ROWS, COLS)) * 0.02
    yield "normal", normal
    yield "heavy tails", rng.standard_t(3, (ROWS, COLS)) * 0.02
    yield "strong columns", normal * np.exp(rng.standard_normal(COLS) * 0.7)
    yield "uniform", rng.uniform(-0.05, 0.05, (ROWS, COLS))
    shifted = normal + np.repeat(rng.standard_normal((ROWS, COLS // 32)) * 0.03, 32, axis=1)
    yield "shifted groups", shifted
    sparse = normal * (rng.uniform(size=(ROWS, COLS)) < 0.1)
    yield "sparse", sparse


def splitmix(seed, count):
    """The numbers of the kernels' tests (`numbers` in crates/smollm-kernels/tests/oracle)."""
    mask = (1 << 64) - 1
    base = seed * 0xD1342543DE82EF95 & mask
    i = np.arange(1, count + 1, dtype=np.uint64)
    z = (np.uint64(base) + i * np.uint64(0x9E3779B97F4A7C15)).astype(np.uint64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(40)).astype(np.float32) / np.float32(1 << 23) - np.float32(1)


class Ggml:
    """ggml's own quantiser."""

    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        self.chunk = self.library.ggml_quantize_chunk
        self.chunk.restype = ctypes.c_size_t
        self.chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p] + [ctypes.c_int64] * 3 + [ctypes.c_void_p]

    def __call__(self, kind, x, importance):
        block, size = gguf.GGML_QUANT_SIZES[kind]
        out = np.zeros(x.size // block * size, dtype=np.uint8)
        weights = None if importance is None else importance.ctypes.data
        assert self.chunk(int(kind), x.ctypes.data, out.ctypes.data, 0, x.shape[0], x.shape[1], weights) == out.size
        return out


def ours(program, folder, kind, x, importance):
    """Our quantiser, through files."""
    x.tofile(f"{folder}/x")
    command = [program, kind.name, str(x.shape[1]), f"{folder}/x", f"{folder}/out"]
    if importance is not None:
        importance.tofile(f"{folder}/w")
        command.append(f"{folder}/w")
    subprocess.run(command, check=True)
    return np.fromfile(f"{folder}/out", dtype=np.uint8)


def error(kind, blocks, x, importance):
    """Root mean square, weighted where there are weights."""
    values = gguf.quants.dequantize(blocks.reshape(x.shape[0], -1), kind).reshape(x.shape).astype(np.float64)
    weights = np.ones(x.shape[1]) if importance is None else importance.astype(np.float64) / importance.mean()
    return float(np.sqrt(np.mean(weights * (values - x.astype(np.float64)) ** 2)))


def golden(ggml):
    """What ggml reaches on numbers that a Rust test can make too: cubes of uniform ones, importances squares."""
    x = (splitmix(11, 64 * 512) ** 3).astype(np.float32).reshape(64, 512)
    importance = (splitmix(12, 512) ** 2).astype(np.float32)
    lines = []
    for name in TYPES:
        kind = gguf.GGMLQuantizationType[name]
        plain, weighted = (error(kind, ggml(kind, x, w), x, w) for w in (None, importance))
        lines.append(f"{name} {plain:.6e} {weighted:.6e}\n")
    GOLDEN.write_text("".join(lines))


def main():
    program, ggml = sys.argv[1], Ggml(sys.argv[2])
    if "--golden" in sys.argv:
        golden(ggml)
    worse = 0
    with tempfile.TemporaryDirectory() as folder:
        print(f"{'type':8}" + "".join(f"{name:>24}" for name, _ in samples()))
        for name in TYPES:
            kind = gguf.GGMLQuantizationType[name]
            for weighted in (False, True):
                cells = []
                for i, (_, x) in enumerate(samples()):
                    x = np.ascontiguousarray(x, dtype=np.float32)
                    importance = None
                    if weighted:
                        importance = np.exp(np.random.default_rng(i).standard_normal(COLS) * 1.5).astype(np.float32)
                    mine = error(kind, ours(program, folder, kind, x, importance), x, importance)
                    theirs = error(kind, ggml(kind, x, importance), x, importance)
                    worse += mine > theirs * (1 + 1e-6)
                    cells.append(f"{mine:.3e}/{theirs:.3e} {mine / theirs:.3f}")
                print(f"{name + ('*' if weighted else ''):8}" + "".join(f"{cell:>24}" for cell in cells))
    print("ours/ggml's ratio; * weighted by importances")
    sys.exit(f"{worse} errors are larger than ggml's" if worse else 0)


if __name__ == "__main__":
    main()
