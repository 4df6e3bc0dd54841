"""llama.cpp's two most likely tokens, and their gap, at every position: the judge of a GGUF file or of an engine.

Run: LLAMA_CPP_LIB_PATH=BUILD/bin PYTHONPATH=LLAMA_CPP_PYTHON python reference/llama_cpp_golden.py MODEL.gguf IDS.json OUT.json [LOGITS.npy]
  IDS.json: {"name": [ids], ...} or [[ids], ...]; each sequence starts at position 0 in an empty cache
  OUT.json: {"made_by", "model", "sha256", "sequences": [{"name", "tokens", "top1": [..], "top2": [..], "gap": [..]}]}
  LOGITS.npy: all logits of all sequences, f32 [positions, vocabulary], where wanted
Needs: numpy and the llama_cpp package of llama-cpp-python 0.3.36 (pip install llama-cpp-python==0.3.36, or its source package with
LLAMA_CPP_LIB_PATH set to a build of its vendor/llama.cpp). CPU, f32 KV cache, flash attention off, one batch per sequence.
"""
import ctypes
import hashlib
import importlib.metadata
import json
import os
import sys

import llama_cpp
import numpy as np


def version():
    try:
        return "llama-cpp-python " + importlib.metadata.version("llama-cpp-python")
    except importlib.metadata.PackageNotFoundError:
        return "llama-cpp-python " + llama_cpp.__version__


MADE_BY = f"reference/llama_cpp_golden.py; llama.cpp of {version()}, CPU, f32 KV, no flash attention"


class Model:
    """A GGUF file opened by llama.cpp."""

    def __init__(self, path, threads=2):
        llama_cpp.llama_backend_init()
        self.silence = llama_cpp.llama_log_callback(lambda level, text, data: sys.stderr.buffer.write(text) if level in (3, 4) else None)
        llama_cpp.llama_log_set(self.silence, ctypes.c_void_p(0))
        params = llama_cpp.llama_model_default_params()
        params.n_gpu_layers = 0
        # Repacked weights use other kernels with other rounding; the plain ones are the reference.
        params.use_extra_bufts = False
        self.model = llama_cpp.llama_model_load_from_file(path.encode(), params)
        if not self.model:
            raise SystemExit(f"llama.cpp cannot load {path}")
        self.vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))
        self.threads = threads

    def logits(self, ids):
        """f32 [N, V] of one pass over `ids` in an empty context."""
        params = llama_cpp.llama_context_default_params()
        n = len(ids)
        params.n_ctx = params.n_batch = params.n_ubatch = (n + 255) // 256 * 256
        params.n_seq_max = 1
        params.n_threads = params.n_threads_batch = self.threads
        params.type_k = params.type_v = llama_cpp.GGML_TYPE_F32
        params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.offload_kqv = False
        context = llama_cpp.llama_init_from_model(self.model, params)
        if not context:
            raise SystemExit("llama.cpp cannot make a context")
        batch = llama_cpp.llama_batch_init(n, 0, 1)
        batch.n_tokens = n
        for i, token in enumerate(ids):
            batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, i, 1, 1
            batch.seq_id[i][0] = 0
        status = llama_cpp.llama_decode(context, batch)
        if status != 0:
            raise SystemExit(f"llama_decode: {status}")
        rows = np.ctypeslib.as_array(llama_cpp.llama_get_logits(context), (n, self.vocab)).copy()
        llama_cpp.llama_batch_free(batch)
        llama_cpp.llama_free(context)
        return rows


def top2(rows):
    """(top-1 ids, top-2 ids, gap) of each row; gaps keep 4 digits."""
    order = np.argsort(-rows, axis=-1, kind="stable")[:, :2]
    values = np.take_along_axis(rows, order, -1)
    gaps = [float(f"{x:.4g}") for x in values[:, 0] - values[:, 1]]
    return order[:, 0].tolist(), order[:, 1].tolist(), gaps


def sequences(value):
    return list(value.items()) if isinstance(value, dict) else [(str(i), ids) for i, ids in enumerate(value)]


def judge(path, named_ids):
    """The content of OUT.json, and all rows."""
    model = Model(path)
    out, rows = [], []
    for name, ids in named_ids:
        rows.append(model.logits(ids))
        first, second, gaps = top2(rows[-1])
        out.append({"name": name, "tokens": len(ids), "top1": first, "top2": second, "gap": gaps})
    sha256 = hashlib.sha256(open(path, "rb").read()).hexdigest()
    return {"made_by": MADE_BY, "model": os.path.basename(path), "sha256": sha256, "sequences": out}, np.concatenate(rows)


def write(path, value):
    """One line per key and per sequence."""
    lines = [f" {json.dumps(k)}: " + ("[\n" + ",\n".join("  " + json.dumps(s) for s in v) + "\n ]" if k == "sequences" else json.dumps(v))
             for k, v in value.items()]
    with open(path, "w") as f:
        f.write("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    result, rows = judge(sys.argv[1], sequences(json.load(open(sys.argv[2]))))
    write(sys.argv[3], result)
    if len(sys.argv) > 4:
        np.save(sys.argv[4], rows)
    print(sys.argv[1], sum(s["tokens"] for s in result["sequences"]), "positions, smallest gap", min(min(s["gap"]) for s in result["sequences"]))
