"""Golden losses and gradients of training a tiny model, made by PyTorch, transformers, TRL and peft (f32, eager attention, CPU).

Run: python reference/train_golden.py OUTDIR     (OUTDIR is testdata/train). Needs: numpy, torch, transformers, trl, peft.
Weights and tokens are deterministic by name (tiny_weights.py), so none are stored. Every case takes ten steps of AdamW over one batch:
pretrain, pretrain-z, sft   a loop over transformers' model: mean of cross-entropy over supervised tokens, z-loss, clipping
lora                        the same over a peft model of two targets, with weights of the pairs by name
dpo-*                       TRL's DPOTrainer over its own data path, with a vocabulary of words
seeds                       200 steps of a small shape from three seeds: how far losses lie apart by chance alone
Fields: config, options, and for each step loss, grad_norm and TRL's metrics; gradients of the first step where there are some (base64 of
little-endian f32, by name).
"""
import json
import os
import sys
import tempfile

import numpy as np
import torch
import transformers

import tiny_weights as tiny
from logits_golden import b64

CONFIG = dict(architectures=["LlamaForCausalLM"], model_type="llama", hidden_size=16, intermediate_size=24, num_hidden_layers=2,
              num_attention_heads=4, num_key_value_heads=2, vocab_size=40, max_position_embeddings=64, rms_norm_eps=1e-5, rope_theta=100.0,
              tie_word_embeddings=True, hidden_act="silu")
LENGTHS = [9, 6, 12, 5]
ADAMW = dict(learning_rate=1e-2, betas=[0.9, 0.95], eps=1e-8, weight_decay=0.1, max_grad_norm=1.0)
STEPS = 10


def model(config):
    torch.manual_seed(0)
    out = transformers.LlamaForCausalLM(transformers.LlamaConfig(**config, attn_implementation="eager"))
    arrays = tiny.weights(config)
    out.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()}, strict=False)
    out.tie_weights()
    return out.float().train()


def sequences(vocab):
    return [tiny.prompt(f"train/{i}", n, vocab) for i, n in enumerate(LENGTHS)]


def supervised(case, i, position):
    """Whether the token at `position` of sequence i is learnt."""
    return position > 0 and (case != "sft" or (position + i) % 3 != 0)


def loss_of(net, case, z_loss):
    nll, squares, count = 0.0, 0.0, 0
    for i, ids in enumerate(sequences(net.config.vocab_size)):
        logits = net(input_ids=torch.tensor([ids])).logits[0].float()
        for position in range(len(ids)):
            if supervised(case, i, position):
                row = logits[position - 1]
                log_z = torch.logsumexp(row, 0)
                nll = nll + log_z - row[ids[position]]
                squares = squares + log_z**2
                count += 1
    return nll / count + z_loss * squares / count


def steps(net, case, z_loss=0.0, name_of=lambda name: name):
    learnt = [(name_of(name), p) for name, p in net.named_parameters() if p.requires_grad]
    options = dict(lr=ADAMW["learning_rate"], betas=ADAMW["betas"], eps=ADAMW["eps"], weight_decay=ADAMW["weight_decay"])
    optimizer = torch.optim.AdamW([p for _, p in learnt], **options)
    out, gradients = [], {}
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(net, case, z_loss)
        loss.backward()
        if step == 0:
            gradients = {name: b64(p.grad.numpy().copy()) for name, p in learnt}
        norm = torch.nn.utils.clip_grad_norm_([p for _, p in learnt], ADAMW["max_grad_norm"])
        optimizer.step()
        out.append({"loss": float(loss.detach()), "grad_norm": float(norm)})
    return {"config": CONFIG, "options": ADAMW | {"z_loss": z_loss}, "steps": out, "gradients": gradients}


def lora():
    import peft
    options = dict(r=3, lora_alpha=6, target_modules=["q_proj", "down_proj"], lora_dropout=0.0)
    net = peft.get_peft_model(model(CONFIG), peft.LoraConfig(task_type="CAUSAL_LM", **options)).train()
    file_name = lambda name: name.replace(".default", "")
    with torch.no_grad():
        for name, p in net.named_parameters():
            if p.requires_grad:
                p.copy_(torch.from_numpy(tiny.tensor(file_name(name), list(p.shape))))
    return steps(net, "pretrain", name_of=file_name) | {"lora": options}


def words(ids):
    return " ".join(f"t{i}" for i in ids)


def tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers
    vocab = {f"t{i}": i for i in range(CONFIG["vocab_size"])}
    inner = Tokenizer(models.WordLevel(vocab, unk_token="t0"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    last = f"t{CONFIG['vocab_size'] - 1}"
    return transformers.PreTrainedTokenizerFast(tokenizer_object=inner, eos_token=last, pad_token=last)


def pairs():
    """Prompt, preferred and other answer of two pairs; answers end with the last id."""
    end, ids = CONFIG["vocab_size"] - 1, lambda name, n: tiny.prompt(name, n, CONFIG["vocab_size"] - 1)
    return [(ids(f"prompt/{i}", n), ids(f"chosen/{i}", c) + [end], ids(f"rejected/{i}", r) + [end]) for i, (n, c, r) in
            enumerate([(3, 5, 2), (4, 1, 6)])]


def dpo(loss, beta):
    import datasets
    import trl
    rows = [dict(prompt=words(p) + " ", chosen=words(c), rejected=words(r)) for p, c, r in pairs()]
    with tempfile.TemporaryDirectory() as folder:
        args = trl.DPOConfig(
            output_dir=folder, loss_type=[loss], beta=beta, per_device_train_batch_size=len(rows), max_steps=STEPS, logging_steps=1,
            learning_rate=1e-3, lr_scheduler_type="constant", weight_decay=0.0, max_grad_norm=1.0, adam_beta1=0.9, adam_beta2=0.999, use_cpu=True,
            bf16=False, gradient_checkpointing=False, report_to=[], save_strategy="no", max_length=None, disable_dropout=True, seed=0)
        trainer = trl.DPOTrainer(model=model(CONFIG), ref_model=model(CONFIG).eval(), args=args, processing_class=tokenizer(),
                                 train_dataset=datasets.Dataset.from_list(rows))
        trainer.train()
    kept = ["loss", "grad_norm", "rewards/chosen", "rewards/rejected", "rewards/accuracies", "rewards/margins", "logps/chosen", "logps/rejected"]
    options = dict(learning_rate=1e-3, betas=[0.9, 0.999], eps=1e-8, weight_decay=0.0, max_grad_norm=1.0, loss=loss, beta=beta)
    history = [{name: entry[name] for name in kept} for entry in trainer.state.log_history if "loss" in entry]
    return {"config": CONFIG, "options": options, "steps": history}


SEEDS = CONFIG | dict(hidden_size=32, intermediate_size=64, initializer_range=0.1)


def chain(step, rows, length, vocab):
    """Sequences in which mostly each token tells the next one."""
    out = []
    for row in range(rows):
        noise = tiny.prompt(f"chain/{step}/{row}", length, 5 * vocab)
        ids = [noise[0] % vocab]
        for n in noise[1:]:
            ids.append((ids[-1] * 7 + 3) % vocab if n % 5 else n // 5)
        out.append(ids)
    return out


def two_hundred(net):
    """Losses of 200 steps."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, betas=(0.9, 0.95), weight_decay=0.01)
    losses = []
    for step in range(200):
        ids = torch.tensor(chain(step, 4, 16, SEEDS["vocab_size"]))
        loss = net(input_ids=ids, labels=ids).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def seeds():
    ends, runs = [100, 150, 200], []
    for seed in range(9):
        torch.manual_seed(seed)
        net = transformers.LlamaForCausalLM(transformers.LlamaConfig(**SEEDS, attn_implementation="eager"))
        losses = two_hundred(net.float().train())
        runs.append([round(float(np.mean(losses[at - 50:at])), 5) for at in ends])
    same = [round(loss, 6) for loss in two_hundred(model(SEEDS))]
    return {"config": SEEDS, "means_of_50_losses_before": ends, "runs": runs, "losses_from_weights_by_name": same}


def write(folder, name, value):
    import peft
    import trl
    made_by = f"train_golden.py; torch {torch.__version__}, transformers {transformers.__version__}, trl {trl.__version__}, peft {peft.__version__}"
    with open(os.path.join(folder, name + ".json"), "w") as out:
        json.dump({"made_by": made_by, "name": name} | value, out, indent=1)
        out.write("\n")
    print(name, [round(s["loss"], 4) for s in value.get("steps", [])] or value["runs"])


if __name__ == "__main__":
    os.makedirs(sys.argv[1], exist_ok=True)
    cases = {
        "pretrain": lambda: steps(model(CONFIG), "pretrain"),
        "pretrain-z": lambda: steps(model(CONFIG), "pretrain", z_loss=1e-2),
        "sft": lambda: steps(model(CONFIG), "sft"),
        "lora": lora,
        "dpo-sigmoid": lambda: dpo("sigmoid", 0.5),
        "dpo-ipo": lambda: dpo("ipo", 0.5),
        "dpo-apo-zero": lambda: dpo("apo_zero", 0.5),
        "seeds": seeds,
    }
    for name in sys.argv[2:] or cases:
        write(sys.argv[1], name, cases[name]())
