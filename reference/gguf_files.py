"""Llama and SmolLM3 weights as a GGUF file in llama.cpp's convention, written by the Python gguf package.

Run: python reference/gguf_files.py CONFIG.json f32|f16|bf16 OUT.gguf     writes the tiny model of that config.json (or of a golden file
of testdata/logits, which holds one) with deterministic weights and a synthetic byte-level vocabulary.
Imported by stories260k.py and llama_cpp_tiny.py; crates/smollm-testkit/src/gguf.rs is the Rust half and writes the same bytes.
Needs: numpy, gguf. Keys and tensor order are those of llama.cpp's convert_hf_to_gguf.py.
"""
import json
import math
import sys

import gguf
import numpy as np

import tiny_weights as tiny

STORED = {  # GGUF tensor type, general.file_type
    "f32": (gguf.GGMLQuantizationType.F32, 0),
    "f16": (gguf.GGMLQuantizationType.F16, 1),
    "bf16": (gguf.GGMLQuantizationType.BF16, 32),
}
LAYER = [  # in the order of the Hugging Face names
    ("attn_norm", "input_layernorm"), ("ffn_down", "mlp.down_proj"), ("ffn_gate", "mlp.gate_proj"), ("ffn_up", "mlp.up_proj"),
    ("ffn_norm", "post_attention_layernorm"), ("attn_k", "self_attn.k_proj"), ("attn_output", "self_attn.o_proj"),
    ("attn_q", "self_attn.q_proj"), ("attn_v", "self_attn.v_proj"),
]


def rope_of(config):
    """(theta, scaling dict or None) from either style of config.json."""
    new = config.get("rope_parameters")
    if new:
        return new["rope_theta"], None if new["rope_type"] == "default" else new
    return config["rope_theta"], config.get("rope_scaling")


def metadata(config, name, file_type, vocabulary):
    """Ordered [(key, type name, value)]; `vocabulary` is such a list too."""
    arch = config["model_type"]
    c, h = config["hidden_size"], config["num_attention_heads"]
    d = config.get("head_dim") or c // h
    theta, scaling = rope_of(config)
    out = [("general.architecture", "STRING", arch), ("general.type", "STRING", "model"), ("general.name", "STRING", name)]

    def add(key, kind, value):
        out.append((f"{arch}.{key}", kind, value))

    add("block_count", "UINT32", config["num_hidden_layers"])
    add("context_length", "UINT32", config["max_position_embeddings"])
    add("embedding_length", "UINT32", c)
    add("feed_forward_length", "UINT32", config["intermediate_size"])
    add("attention.head_count", "UINT32", h)
    add("attention.head_count_kv", "UINT32", config.get("num_key_value_heads") or h)
    kind = (scaling or {}).get("rope_type", (scaling or {}).get("type"))
    if kind in ("linear", "yarn"):
        add("rope.scaling.type", "STRING", kind)
        add("rope.scaling.factor", "FLOAT32", scaling["factor"])
        if kind == "yarn":
            add("rope.scaling.original_context_length", "UINT32", scaling["original_max_position_embeddings"])
            for key in ("attention_factor", "beta_fast", "beta_slow"):
                assert key not in scaling, f"the {arch} architecture of llama.cpp reads no {key}"
    add("rope.freq_base", "FLOAT32", theta)
    add("attention.layer_norm_rms_epsilon", "FLOAT32", config["rms_norm_eps"])
    if "head_dim" in config:
        add("attention.key_length", "UINT32", d)
        add("attention.value_length", "UINT32", d)
    out.append(("general.file_type", "UINT32", file_type))
    add("vocab_size", "UINT32", config["vocab_size"])
    add("rope.dimension_count", "UINT32", d)
    out.append(("general.quantization_version", "UINT32", 2))
    if arch == "smollm3":
        steps = [int((i + 1) % 4 != 0) for i in range(config["num_hidden_layers"])]
        assert config["no_rope_layers"] == steps, "llama.cpp knows only every fourth layer without rotation"
    return out + vocabulary


def byte_alphabet():
    """The 256 printable characters of byte-level BPE, the self-representing bytes first."""
    plain = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
    return [chr(b) for b in plain] + [chr(256 + i) for i in range(256 - len(plain))]


def byte_level_vocabulary(size):
    """A synthetic gpt2-type vocabulary of `size` tokens: 3 control tokens, bytes, then at least 8 merges."""
    alphabet = byte_alphabet()[:min(256, size - 11)]
    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] + alphabet
    letters = [x for x in alphabet if x.isascii() and x.isalpha()]
    pool, merges = list(letters), []
    for i in range(size - len(tokens)):
        left, right = pool[i // len(letters)], letters[i % len(letters)]
        merges.append(f"{left} {right}")
        tokens.append(left + right)
        pool.append(left + right)
    return [
        ("tokenizer.ggml.add_space_prefix", "BOOL", False), ("tokenizer.ggml.model", "STRING", "gpt2"), ("tokenizer.ggml.pre", "STRING", "smollm"),
        ("tokenizer.ggml.tokens", "STRING[]", tokens), ("tokenizer.ggml.token_type", "INT32[]", [3] * 3 + [1] * (size - 3)),
        ("tokenizer.ggml.merges", "STRING[]", merges), ("tokenizer.ggml.bos_token_id", "UINT32", 1), ("tokenizer.ggml.eos_token_id", "UINT32", 2),
        ("tokenizer.ggml.unknown_token_id", "UINT32", 0), ("tokenizer.ggml.padding_token_id", "UINT32", 2), ("tokenizer.ggml.add_bos_token", "BOOL", False),
    ]


def permute(weight, heads):
    """Rows of each head from half-split (0..d/2 pairs with d/2..d) to adjacent pairs."""
    return weight.reshape(heads, 2, -1, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def llama3_factors(config, scaling):
    """rope_freqs: what llama.cpp divides each of the d/2 frequencies by."""
    theta, d = rope_of(config)[0], config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    out = []
    for i in range(0, d, 2):
        wavelength = 2 * math.pi * theta ** (i / d)
        turns = scaling["original_max_position_embeddings"] / wavelength
        if turns > scaling["high_freq_factor"]:
            out.append(1.0)
        elif turns < scaling["low_freq_factor"]:
            out.append(scaling["factor"])
        else:
            smooth = (turns - scaling["low_freq_factor"]) / (scaling["high_freq_factor"] - scaling["low_freq_factor"])
            out.append(1.0 / ((1.0 - smooth) / scaling["factor"] + smooth))
    return np.array(out, dtype=np.float32)


def tensors(config, arrays, permuted=True):
    """Ordered [(GGUF name, f32 array)] from Hugging Face names; `permuted` False where q and k are in pairs already."""
    heads = config["num_attention_heads"]
    kv = config.get("num_key_value_heads") or heads
    out = []
    scaling = rope_of(config)[1] or {}
    if scaling.get("rope_type") == "llama3":
        out.append(("rope_freqs.weight", llama3_factors(config, scaling)))
    if "lm_head.weight" in arrays:
        out.append(("output.weight", arrays["lm_head.weight"]))
    out.append(("token_embd.weight", arrays["model.embed_tokens.weight"]))
    for i in range(config["num_hidden_layers"]):
        for name, source in LAYER:
            array = arrays[f"model.layers.{i}.{source}.weight"]
            if permuted and name in ("attn_q", "attn_k"):
                array = permute(array, heads if name == "attn_q" else kv)
            out.append((f"blk.{i}.{name}.weight", array))
    return out + [("output_norm.weight", arrays["model.norm.weight"])]


def write(path, meta, named, stored):
    """Writes the file; vectors stay F32."""
    writer = gguf.GGUFWriter(path, meta[0][2])  # the writer itself adds general.architecture, first
    for key, kind, value in meta[1:]:
        if kind.endswith("[]"):
            writer.add_key_value(key, value, gguf.GGUFValueType.ARRAY, gguf.GGUFValueType[kind[:-2]])
        else:
            writer.add_key_value(key, value, gguf.GGUFValueType[kind])
    for name, array in named:
        array = np.ascontiguousarray(array, dtype=np.float32)
        kind = gguf.GGMLQuantizationType.F32 if array.ndim == 1 else STORED[stored][0]
        if kind == gguf.GGMLQuantizationType.F16:
            array = array.astype(np.float16)
        elif kind == gguf.GGMLQuantizationType.BF16:
            array = (tiny.round_bf16(array).view(np.uint32) >> 16).astype(np.uint16).view(np.uint8).reshape(*array.shape[:-1], -1)
        writer.add_tensor(name, array, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def rounded(array, stored):
    """The f32 values of `array` after storage (vectors are stored exactly)."""
    if array.ndim == 1 or stored == "f32":
        return array
    return tiny.round_bf16(array) if stored == "bf16" else array.astype(np.float16).astype(np.float32)


def write_tiny(path, name, config, stored, values_as=None):
    """The tiny model `name`; with `values_as`, the values are first rounded to that type."""
    arrays = {k: rounded(v, values_as or "f32") for k, v in tiny.weights(config).items()}
    meta = metadata(config, name, STORED[stored][1], byte_level_vocabulary(config["vocab_size"]))
    write(path, meta, tensors(config, arrays), stored)


if __name__ == "__main__":
    file = json.load(open(sys.argv[1]))
    config = file.get("config", file)
    write_tiny(sys.argv[3], file.get("name", "tiny"), config, sys.argv[2])
    print(sys.argv[3])
