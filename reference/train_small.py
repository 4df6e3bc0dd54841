"""Trains a small Llama (hidden 256, feed-forward 768: rows that every quantised type fits) on a text, to measure quantising with.

    python reference/train_small.py TEXT OUT_DIR [--steps N]

The last tenth of the text is held back and written to OUT_DIR/held_back.txt. Some thousand steps take half an hour on two cores and
give a model that is far from random, which is all it is for. Needs: torch, transformers, tokenizers, safetensors.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
VOCABULARY, POSITIONS, BATCH = 1024, 256, 8


def train_tokenizer(text):
    """Byte-level BPE with SmolLM2's pre-tokenizer."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    tokenizer.decoder = decoders.ByteLevel(add_prefix_space=True, trim_offsets=True, use_regex=True)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=SPECIALS, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("text", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=2000)
    options = parser.parse_args()
    text = options.text.read_text(encoding="utf-8")
    cut = len(text) * 9 // 10
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "held_back.txt").write_text(text[cut:], encoding="utf-8")
    tokenizer = train_tokenizer(text[:cut])
    tokenizer.save(str(options.out / "tokenizer.json"))
    names = {"bos_token": SPECIALS[0], "eos_token": SPECIALS[0], "unk_token": SPECIALS[0]}
    settings = {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": False, "model_max_length": POSITIONS, **names}
    (options.out / "tokenizer_config.json").write_text(json.dumps(settings, indent=2))
    ids = torch.tensor(np.array(tokenizer.encode(text[:cut]).ids, dtype=np.int64))
    held_back = torch.tensor(np.array(tokenizer.encode(text[cut:]).ids, dtype=np.int64))

    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=256, intermediate_size=768, num_hidden_layers=6, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=VOCABULARY, max_position_embeddings=POSITIONS, rms_norm_eps=1e-5, rope_theta=10000.0,
        tie_word_embeddings=True, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=2e-3, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=options.steps, pct_start=0.05)
    start = time.time()
    for step in range(options.steps):
        at = torch.randint(len(ids) - POSITIONS - 1, (BATCH,))
        batch = torch.stack([ids[i : i + POSITIONS] for i in at])
        loss = model(batch, labels=batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        if step % 100 == 0 or step + 1 == options.steps:
            with torch.no_grad():
                batch = held_back[: 8 * POSITIONS].view(8, POSITIONS)
                print(f"step {step} loss {loss:.3f} held back {model(batch, labels=batch).loss:.3f} {time.time() - start:.0f} s", flush=True)
    model.to(torch.bfloat16).save_pretrained(options.out)


if __name__ == "__main__":
    main()
