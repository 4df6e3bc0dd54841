"""Speed of PyTorch transformers on a local model directory: prefill of 512 tokens and greedy decode after 16, one JSON line.

Run: python reference/hf_speed.py MODELDIR [--dtype bf16|f32] [--threads 2] [--repeats 5] [--cases prefill:512 decode:64@16 decode:32@64x8]
Needs: torch, transformers. To compare, run it in turn with `smollm bench -m MODELDIR` on an otherwise idle machine, or let
`cargo xtask bench-peers` do so.
Decode is the bare loop (forward with the KV cache, argmax), without the overhead of generate(); medians over the repeats.
"""
import argparse
import json
import time

import torch
import transformers

import speed_cases


class Runner:
    def __init__(self, model):
        self.model = model
        self.tokens = torch.Generator().manual_seed(0)

    def prepare(self, depth, batch):
        self.cache, self.next = None, self.random(batch, 1)
        if depth:
            self.forward(self.random(batch, depth))

    def step(self, n):
        self.forward(self.next if n == 1 else self.random(self.next.shape[0], n))

    def random(self, batch, n):
        return torch.randint(0, self.model.config.vocab_size, (batch, n), generator=self.tokens)

    def forward(self, ids):
        out = self.model(ids, past_key_values=self.cache, use_cache=True, logits_to_keep=1)
        self.cache, self.next = out.past_key_values, out.logits[:, -1:].argmax(-1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--dtype", choices=["bf16", "f32"], default="bf16")
    parser.add_argument("--attention", choices=["sdpa", "eager"], default="sdpa")
    speed_cases.add_arguments(parser)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    dtype = {"bf16": torch.bfloat16, "f32": torch.float32}[args.dtype]
    start = time.perf_counter()
    load = transformers.AutoModelForCausalLM.from_pretrained
    model = load(args.model, dtype=dtype, attn_implementation=args.attention).eval()
    load_s = time.perf_counter() - start
    runner = Runner(model)
    with torch.inference_mode():
        results = [speed_cases.measure(case, args.threads, args.repeats, runner.prepare, runner.step) for case in args.cases]
    print(json.dumps({"engine": f"transformers {transformers.__version__}, torch {torch.__version__}", "dtype": args.dtype,
                      "load_s": round(load_s, 2), "results": results}))


if __name__ == "__main__":
    main()
