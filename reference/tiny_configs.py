"""The tiny random configurations whose logits are golden, and how each one's config.json is written.

Not run by itself: logits_golden.py and lora_golden.py import it.

style v4: the keys of the released SmolLM and SmolLM2 files (rope_theta, rope_scaling, torch_dtype).
style v5: what transformers 5 writes (rope_parameters, dtype).
"""

# name: style, shape (C, H, G, L, F, V), theta, tied, extra keys, absent keys, rope scaling, prompt lengths, those to continue greedily
CONFIGS = {
    "gqa-9-3": dict(style="v4", shape=(72, 9, 3, 3, 192, 256), theta=100000.0, tied=True, prompts=[1, 2, 17, 64], greedy=[1, 17]),
    "gqa-15-5": dict(style="v4", shape=(90, 15, 5, 2, 161, 300), theta=100000.0, tied=True, prompts=[1, 17, 255], greedy=[17]),
    "mha-4": dict(style="v4", shape=(64, 4, 4, 4, 128, 128), theta=130000.0, tied=True, absent=["num_key_value_heads"],
                  prompts=[2, 64, 700], greedy=[64, 700]),
    "mha-7-untied": dict(style="v5", shape=(84, 7, 7, 2, 97, 97), theta=10000.0, tied=False, prompts=[1, 17, 64], greedy=[17]),
    "one-head": dict(style="v5", shape=(32, 1, 1, 2, 33, 64), theta=10000.0, tied=True, prompts=[1, 2, 17, 255], greedy=[1]),
    "mqa-5-1-untied": dict(style="v4", shape=(80, 5, 1, 3, 144, 320), theta=10000.0, tied=False, prompts=[17, 64], greedy=[64]),
    "head-dim-24": dict(style="v5", shape=(64, 4, 2, 3, 100, 200), theta=100000.0, tied=True, extra={"head_dim": 24},
                        prompts=[17, 64, 255], greedy=[17]),
    "smollm3-nope": dict(style="v5", arch="smollm3", shape=(96, 8, 2, 6, 176, 160), theta=5000000.0, tied=True,
                         prompts=[1, 17, 255, 700], greedy=[17, 255]),
    "smollm3-yarn": dict(style="v4", arch="smollm3", shape=(64, 4, 1, 5, 136, 144), theta=5000000.0, tied=True,
                         extra={"no_rope_layers": [1, 1, 1, 0, 1], "max_position_embeddings": 128},
                         scaling={"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 64},
                         prompts=[17, 64, 255], greedy=[64]),
    "smollm3-custom-nope": dict(style="v5", arch="smollm3", shape=(48, 3, 1, 4, 80, 72), theta=2000000.0, tied=False,
                                extra={"no_rope_layers": [0, 1, 1, 0]}, prompts=[17, 64], greedy=[17]),
    "llama-yarn": dict(style="v5", shape=(48, 3, 1, 3, 80, 96), theta=10000.0, tied=True,
                       scaling={"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512, "beta_fast": 16.0, "beta_slow": 2.0},
                       prompts=[2, 64, 700], greedy=[64]),
    "llama3-rope": dict(style="v4", shape=(60, 5, 5, 3, 112, 120), theta=100000.0, tied=True, extra={"max_position_embeddings": 512},
                        scaling={"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                 "original_max_position_embeddings": 64},
                        prompts=[17, 255], greedy=[17]),
    "linear-rope": dict(style="v4", shape=(64, 2, 1, 2, 90, 80), theta=10000.0, tied=True, extra={"max_position_embeddings": 256},
                        scaling={"type": "linear", "factor": 2.0}, prompts=[17, 64], greedy=[17]),
}


def config_json(name):
    """The config.json content of `name`; the v5 style is completed by what transformers itself would write."""
    spec = CONFIGS[name]
    c, h, g, l, f, v = spec["shape"]
    smollm3 = spec.get("arch") == "smollm3"
    config = {
        "architectures": ["SmolLM3ForCausalLM" if smollm3 else "LlamaForCausalLM"],
        "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu",
        "hidden_size": c, "initializer_range": 0.02, "intermediate_size": f, "max_position_embeddings": 2048, "mlp_bias": False,
        "model_type": "smollm3" if smollm3 else "llama", "num_attention_heads": h, "num_hidden_layers": l, "num_key_value_heads": g,
        "pad_token_id": 2, "rms_norm_eps": 1e-6 if smollm3 else 1e-5, "tie_word_embeddings": spec["tied"], "use_cache": True,
        "vocab_size": v,
    }
    config.update(spec.get("extra", {}))
    for key in spec.get("absent", []):
        del config[key]
    if spec["style"] == "v4":
        config |= {"rope_scaling": spec.get("scaling"), "rope_theta": spec["theta"], "torch_dtype": "float32", "transformers_version": "4.53.0"}
        return dict(sorted(config.items()))
    rope = {"rope_type": "default", "rope_theta": spec["theta"]} | spec.get("scaling", {})
    from transformers import AutoConfig
    written = AutoConfig.for_model(config.pop("model_type"), rope_parameters=rope, dtype="float32", **config).to_diff_dict()
    return dict(sorted(written.items()))
