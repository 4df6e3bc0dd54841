"""Speed of PyTorch transformers on a local model directory: prefill of 512 tokens and greedy decode after 16, one JSON line.

Run: python reference/hf_speed.py MODELDIR [--dtype bf16|f32] [--threads 2] [--prefill 512] [--decode 64] [--repeats 5]
Needs: torch, transformers. To compare, run it in turn with `smollm bench -m MODELDIR` on an otherwise idle machine.
Decode is the bare loop (forward with the KV cache, argmax), without the overhead of generate(); sdpa attention; medians over the repeats.
"""
import argparse
import json
import statistics
import time

import torch
import transformers


def spread(values):
    return {"median": round(statistics.median(values), 2), "min": round(min(values), 2), "max": round(max(values), 2)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--dtype", choices=["bf16", "f32"], default="bf16")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prefill", type=int, default=512)
    parser.add_argument("--decode", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    dtype = {"bf16": torch.bfloat16, "f32": torch.float32}[args.dtype]
    start = time.perf_counter()
    model = transformers.AutoModelForCausalLM.from_pretrained(args.model, dtype=dtype, attn_implementation="sdpa").eval()
    load = time.perf_counter() - start
    ids = torch.randint(0, model.config.vocab_size, (1, args.prefill), generator=torch.Generator().manual_seed(0))

    def prefill():
        start = time.perf_counter()
        model(ids, use_cache=True, logits_to_keep=1)
        return args.prefill / (time.perf_counter() - start)

    def decode():
        out = model(ids[:, :16], use_cache=True, logits_to_keep=1)
        start = time.perf_counter()
        for _ in range(args.decode):
            step = out.logits[:, -1:].argmax(-1)
            out = model(step, past_key_values=out.past_key_values, use_cache=True, logits_to_keep=1)
        return args.decode / (time.perf_counter() - start)

    results = []
    with torch.inference_mode():
        for kind, tokens, measure in (("prefill", args.prefill, prefill), ("decode", args.decode, decode)):
            measure()
            rates = [measure() for _ in range(args.repeats)]
            results.append({"kind": kind, "tokens": tokens, "batch": 1, "threads": args.threads, "tokens_per_s": spread(rates)})
    print(json.dumps({"engine": f"transformers {transformers.__version__}, torch {torch.__version__}", "dtype": args.dtype,
                      "load_s": round(load, 2), "results": results}))


if __name__ == "__main__":
    main()
