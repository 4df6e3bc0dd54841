"""llama.cpp's top-1 on 1,000 positions of tiny models in GGUF files written by the Python gguf package.

Run (environment as in llama_cpp_golden.py, and the gguf package): python reference/llama_cpp_tiny.py TESTDATA OUTDIR [--keep DIR]
  TESTDATA is testdata (the configurations are read from TESTDATA/logits), OUTDIR is testdata/llama_cpp; --keep leaves the GGUF files in DIR.
Beside llama_cpp_golden.py's fields a file holds: name, stored, the logit range, and max_delta_from_f32 = how far llama.cpp's logits are from
its own over the same rounded weights stored as F32. A top-1 is certain where the gap exceeds twice that.
"""
import json
import os
import sys
import tempfile

import numpy as np

import gguf_files
import llama_cpp_golden
import tiny_weights as tiny

CASES = [
    ("gqa-9-3", "f32"), ("gqa-9-3", "f16"), ("gqa-9-3", "bf16"), ("smollm3-nope", "f16"), ("smollm3-yarn", "f32"), ("llama3-rope", "f32"),
    ("head-dim-24", "f16"), ("mqa-5-1-untied", "bf16"), ("linear-rope", "f32"),
]


def main(testdata, out, keep):
    for name, stored in CASES:
        config = json.load(open(os.path.join(testdata, "logits", name + ".json")))["config"]
        named = [(f"{name}/llama_cpp/{i}", tiny.prompt(f"{name}/llama_cpp/{i}", 250, config["vocab_size"])) for i in range(4)]
        path = os.path.join(keep, f"{name}-{stored}.gguf")
        gguf_files.write_tiny(path, name, config, stored)
        judged, rows = llama_cpp_golden.judge(path, named)
        wide = os.path.join(keep, f"{name}-{stored}-as-f32.gguf")
        gguf_files.write_tiny(wide, name, config, "f32", values_as=stored)
        exact = llama_cpp_golden.judge(wide, named)[1]
        noise = float(np.abs(rows - exact).max())
        result = {"made_by": judged["made_by"].replace("llama_cpp_golden.py", "llama_cpp_tiny.py"), "name": name, "stored": stored,
                  "sha256": judged["sha256"], "range": float(f"{rows.max() - rows.min():.6g}"), "max_delta_from_f32": float(f"{noise:.6g}"),
                  "sequences": judged["sequences"]}
        for sequence in result["sequences"]:
            sequence["gap"] = [float(f"{g:.3g}") for g in sequence["gap"]]
        llama_cpp_golden.write(os.path.join(out, f"{name}-{stored}.json"), result)
        certain = sum(g > 2 * noise for s in result["sequences"] for g in s["gap"])
        print(name, stored, "range", result["range"], "noise", result["max_delta_from_f32"], "certain positions", certain)


if __name__ == "__main__":
    if "--keep" in sys.argv:
        main(*sys.argv[1:3], sys.argv[4])
    else:
        with tempfile.TemporaryDirectory() as folder:
            main(*sys.argv[1:3], folder)
