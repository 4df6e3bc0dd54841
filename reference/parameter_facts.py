"""Parameter and tensor counts of the released shapes, from transformers on the meta device (no weights are made).

Run: python reference/parameter_facts.py OUT.json     (OUT is testdata/parameters.json). Needs torch and transformers.
The shapes are those of the released config.json files.
"""
import json
import sys

import torch
import transformers

SHAPES = {  # hidden, layers, heads, kv heads, feed-forward, vocabulary, rope theta, eps
    "smollm2-135m": ("llama", 576, 30, 9, 3, 1536, 49152, 100000.0, 1e-5),
    "smollm2-360m": ("llama", 960, 32, 15, 5, 2560, 49152, 100000.0, 1e-5),
    "smollm2-1.7b": ("llama", 2048, 24, 32, 32, 8192, 49152, 130000.0, 1e-5),
    "smollm3-3b": ("smollm3", 2048, 36, 16, 4, 11008, 128256, 5000000.0, 1e-6),
}

out = {"made_by": f"reference/parameter_facts.py; transformers {transformers.__version__}"}
for name, (kind, c, l, h, g, f, v, theta, eps) in SHAPES.items():
    config = transformers.AutoConfig.for_model(
        kind, hidden_size=c, num_hidden_layers=l, num_attention_heads=h, num_key_value_heads=g, intermediate_size=f, vocab_size=v,
        rms_norm_eps=eps, tie_word_embeddings=True, rope_parameters={"rope_type": "default", "rope_theta": theta},
        bos_token_id=0, eos_token_id=0, pad_token_id=0)
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    parameters = dict(model.named_parameters())  # the tied lm_head is listed once
    out[name] = {
        "model_type": kind, "hidden_size": c, "num_hidden_layers": l, "num_attention_heads": h, "num_key_value_heads": g,
        "head_dim": c // h, "intermediate_size": f, "vocab_size": v, "rope_theta": theta, "rms_norm_eps": eps,
        "parameters": sum(p.numel() for p in parameters.values()),
        "embedding_parameters": parameters["model.embed_tokens.weight"].numel(),
        "parameters_per_layer": sum(p.numel() for n, p in parameters.items() if n.startswith("model.layers.0.")),
        "tensors": len(parameters),
    }
with open(sys.argv[1], "w") as file:
    file.write("{\n" + ",\n".join(f" {json.dumps(k)}: {json.dumps(x)}" for k, x in out.items()) + "\n}\n")
