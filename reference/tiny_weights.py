"""Deterministic tiny weights and prompts, the numpy half (crates/smollm-testkit/src/tiny.rs is the Rust half).

Run: python reference/tiny_weights.py CONFIG.json     prints name, shape and sha256 of every tensor.
Imported by the other scripts here. Needs numpy only.

Element i of the tensor named T:  h = splitmix64(fnv1a64(T) + i * GOLDEN),  u = (h >> 40) * 2^-24  in [0, 1)
  norm        1 + (2u - 1) / 4, rounded to f32 (to nearest, ties to even)
  embedding   (2u - 1) / 2
  matrix      (2u - 1) * (2 / sqrt(cols)) in f64, rounded to f32; cols is the fan-in
Token j of the prompt named P over a vocabulary of V:  (splitmix64(fnv1a64(P) + j * GOLDEN) >> 32) % V
All arithmetic is modulo 2^64.
"""
import hashlib
import json
import sys

import numpy as np

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MASK = (1 << 64) - 1


def fnv1a64(text):
    """FNV-1a of the UTF-8 bytes of `text`."""
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = ((h ^ byte) * 0x100000001B3) & MASK
    return h


def splitmix64(x):
    """The SplitMix64 output function of a uint64 array."""
    with np.errstate(over="ignore"):
        z = x + GOLDEN
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def hashes(name, n):
    """n 64-bit hashes of the stream called `name`."""
    with np.errstate(over="ignore"):
        return splitmix64(np.uint64(fnv1a64(name)) + np.arange(n, dtype=np.uint64) * GOLDEN)


def tensor(name, shape):
    """The f32 array of the tensor `name`."""
    n = int(np.prod(shape))
    unit = (hashes(name, n) >> np.uint64(40)).astype(np.float64) * 2.0**-24 * 2.0 - 1.0
    if name.endswith("norm.weight"):
        values = 1.0 + unit * 0.25
    elif name.endswith("embed_tokens.weight"):
        values = unit * 0.5
    else:
        values = unit * (2.0 / np.sqrt(np.float64(shape[-1])))
    return values.astype(np.float32).reshape(shape)


def prompt(name, n, vocab):
    """n token ids of the prompt `name`."""
    return [int(h) for h in (hashes(name, n) >> np.uint64(32)) % np.uint64(vocab)]


def tensor_list(config):
    """(name, shape) of every stored tensor, in the order of transformers' state_dict; no lm_head when tied."""
    c, f, v = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    h = config["num_attention_heads"]
    g = config.get("num_key_value_heads") or h
    d = config.get("head_dim") or c // h
    out = [("model.embed_tokens.weight", [v, c])]
    for i in range(config["num_hidden_layers"]):
        p = f"model.layers.{i}."
        out += [
            (p + "self_attn.q_proj.weight", [h * d, c]), (p + "self_attn.k_proj.weight", [g * d, c]),
            (p + "self_attn.v_proj.weight", [g * d, c]), (p + "self_attn.o_proj.weight", [c, h * d]),
            (p + "mlp.gate_proj.weight", [f, c]), (p + "mlp.up_proj.weight", [f, c]), (p + "mlp.down_proj.weight", [c, f]),
            (p + "input_layernorm.weight", [c]), (p + "post_attention_layernorm.weight", [c]),
        ]
    out.append(("model.norm.weight", [c]))
    if not config.get("tie_word_embeddings", config.get("model_type") == "smollm3"):
        out.append(("lm_head.weight", [v, c]))
    return out


def weights(config):
    """name -> f32 array for every tensor of `tensor_list`."""
    return {name: tensor(name, shape) for name, shape in tensor_list(config)}


def round_bf16(x):
    """f32 array rounded to the nearest bf16 (ties to even), still f32."""
    bits = x.view(np.uint32).astype(np.uint64)
    return (((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16) << 16).astype(np.uint32).view(np.float32).reshape(x.shape)


def digest(arrays):
    """sha256 (hex) over the little-endian f32 bytes of `arrays`, one after another."""
    h = hashlib.sha256()
    for a in arrays:
        h.update(np.ascontiguousarray(a, dtype="<f4").tobytes())
    return h.hexdigest()


if __name__ == "__main__":
    for name, array in weights(json.load(open(sys.argv[1]))).items():
        print(name, list(array.shape), digest([array]))
