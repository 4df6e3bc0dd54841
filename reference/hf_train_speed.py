"""Speed of a training step of PyTorch transformers with random weights: forward, backward, clipping, AdamW (fused); one JSON line.

Run: python reference/hf_train_speed.py 135m|tiny ROWS LENGTH f32|autocast|bf16 [--kind full|lora|dpo|lora-dpo] [--compile] [--threads 2] [--rounds 5]
Needs: torch, transformers, peft for adapters (rank 16 beside all matrices). Of pairs the first half of the rows is preferred; the reference, a second model or
the base of the adapter, is run in each step. `cargo xtask bench-train` runs it in turn with `cargo bench -p smollm-train --bench step`, whose models these are.
autocast keeps weights in f32 and multiplies in bf16, as we do; bf16 keeps weights, gradients and moments in bf16.
"""
import argparse
import json
import resource
import time

import torch
import torch.nn.functional as F
import transformers
from transformers import LlamaConfig, LlamaForCausalLM

SHAPES = {
    "135m": dict(vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3),
    "tiny": dict(vocab_size=4096, hidden_size=256, intermediate_size=704, num_hidden_layers=6, num_attention_heads=4, num_key_value_heads=2),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=SHAPES)
    parser.add_argument("rows", type=int)
    parser.add_argument("length", type=int)
    parser.add_argument("mode", choices=["f32", "autocast", "bf16"])
    parser.add_argument("--kind", choices=["full", "lora", "dpo", "lora-dpo"], default="full")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    shape = SHAPES[args.model]
    config = LlamaConfig(tie_word_embeddings=True, max_position_embeddings=8192, initializer_range=0.03, attn_implementation="sdpa",
                         rope_parameters={"rope_type": "default", "rope_theta": 100000.0}, use_cache=False, **shape)

    def fresh():
        model = LlamaForCausalLM(config)
        return model.to(torch.bfloat16) if args.mode == "bf16" else model

    model = fresh()
    if "lora" in args.kind:
        import peft
        modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
        model = peft.get_peft_model(model, peft.LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, target_modules=modules))
    other = fresh().eval() if args.kind == "dpo" else None
    model.train()
    learnt = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learnt, lr=1e-4, weight_decay=0.01, fused=True)
    forward = torch.compile(model) if args.compile else model

    def log_probs(run, ids):
        logits = run(input_ids=ids).logits[:, :-1].float()
        return torch.gather(logits.log_softmax(-1), 2, ids[:, 1:, None]).squeeze(-1).sum(-1)

    def preference(ids):
        with torch.no_grad():
            if other is not None:
                reference = log_probs(other, ids)
            else:
                with model.disable_adapter():
                    reference = log_probs(model, ids)
        ratios = log_probs(forward, ids) - reference
        return -F.logsigmoid(0.1 * (ratios[:args.rows // 2] - ratios[args.rows // 2:])).mean()

    def next_token(ids):
        logits = forward(input_ids=ids).logits
        return F.cross_entropy(logits[:, :-1].float().reshape(-1, shape["vocab_size"]), ids[:, 1:].reshape(-1))

    def step():
        ids = torch.randint(0, shape["vocab_size"], (args.rows, args.length))
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=args.mode == "autocast"):
            loss = preference(ids) if "dpo" in args.kind else next_token(ids)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learnt, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()
        return time.perf_counter() - start

    first = step()
    step()
    rates = [args.rows * args.length / step() for _ in range(args.rounds)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"engine": f"transformers {transformers.__version__}, torch {torch.__version__}", "tokens_per_s": rates,
                      "first_step_s": round(first, 2), "peak_gib": round(peak, 2)}))


if __name__ == "__main__":
    main()
