"""Token ids and loss masks of conversations by transformers' own `apply_chat_template`.

Run as `python reference/mask_golden.py FIXTURES testdata/corpus/masks.json`, last with transformers 5.23.0 and jinja2 3.1.6
(Python 3.11). FIXTURES holds the tokenizer of SmolLM2, chat templates, and files of conversations and preference pairs.

Masks are `return_assistant_tokens_mask`: of SmolLM3's training template by its own `{% generation %}` marks, of the ChatML templates by
marks that are put here as TRL puts them, around what the assistant says and the end of its turn. Of the released SmolLM3 template they are
told by rendering: a turn is what follows the generation prompt, up to its `<|im_end|>`. Where that prompt is not how the conversation begins
(it opens thoughts that the answer does not have) there is no mask.

Writes for each template and conversation the number of ids, the sha256 of the ids as little-endian u32, and the ranges of tokens that are
learnt; for the files one sha256 over the ids and masks of everything in them.
"""

import hashlib
import json
import os
import struct
import sys

from transformers import PreTrainedTokenizerFast

from template_conversations import CONVERSATIONS
from template_files import NOW, stop_the_clock, template_text

SPECIAL = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "unk_token": "<|endoftext|>", "pad_token": "<|im_end|>"}
WHOLE = "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
MARKED = (
    "{{'<|im_start|>' + message['role'] + '\n'}}{% if message['role'] == 'assistant' %}{% generation %}"
    "{{ message['content'] + '<|im_end|>' }}{% endgeneration %}{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}"
)
OFF = {"enable_thinking": False}
# Templates, and the variables that they are given.
TEMPLATES = {
    "v1": ("models/SmolLM-135M-Instruct/tokenizer_config.json", {}),
    "v2": ("models/SmolLM2-135M-Instruct/tokenizer_config.json", {}),
    "smollm3": ("models/SmolLM3-3B/chat_template.jinja", {}),
    "smollm3, thinking off": ("models/SmolLM3-3B/chat_template.jinja", OFF),
    "smollm3 training": ("models/recipes/alignment/smollm3/sft/sft.yaml", {}),
    "smollm3 training, thinking off": ("models/recipes/alignment/smollm3/sft/sft.yaml", OFF),
}


class Masks:
    """A tokenizer with one template."""

    def __init__(self, fixtures, path):
        self.template = template_text(os.path.join(fixtures, path))
        file = os.path.join(fixtures, "models/SmolLM2-135M-Instruct/tokenizer.json")
        self.tokenizer = PreTrainedTokenizerFast(tokenizer_file=file, **SPECIAL)
        self.marked = self.template.replace(WHOLE.replace("\n", "\\n"), MARKED.replace("\n", "\\n"))
        self.marked = self.marked.replace(WHOLE, MARKED)

    def text(self, messages, **options):
        return self.tokenizer.apply_chat_template(messages, chat_template=self.template, tokenize=False, **options)

    def of(self, messages, extra):
        """Ids and mask of a whole conversation."""
        if "{% generation %}" not in self.marked:
            return self.by_rendering(messages, extra)
        got = self.tokenizer.apply_chat_template(
            messages, chat_template=self.marked, tokenize=True, return_dict=True, return_assistant_tokens_mask=True, **extra
        )
        assert self.tokenizer.decode(got["input_ids"]) == self.tokenizer.decode(self.tokenizer(self.text(messages, **extra))["input_ids"])
        return got["input_ids"], got["assistant_masks"]

    def by_rendering(self, messages, extra):
        whole = self.text(messages, **extra)
        encoded = self.tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)
        mask = [0] * len(encoded["input_ids"])
        for index, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            prompt = self.text(messages[:index], add_generation_prompt=True, **extra)
            if not whole.startswith(prompt):
                return encoded["input_ids"], None
            start = len(prompt)
            end = len(self.text(messages[: index + 1], **extra).rstrip("\n"))
            assert whole[:end].endswith("<|im_end|>")
            for token, (first, behind) in enumerate(encoded["offset_mapping"]):
                if behind > start and first < end:
                    mask[token] = 1
        return encoded["input_ids"], mask


def ranges(mask):
    found, start = [], None
    for index, learnt in enumerate(list(mask) + [0]):
        if learnt and start is None:
            start = index
        if not learnt and start is not None:
            found.append([start, index])
            start = None
    return found


def packed(ids):
    return struct.pack(f"<{len(ids)}I", *ids)


def wanted(messages, options):
    plain = all(set(message) <= {"role", "content"} and isinstance(message.get("content"), str) for message in messages)
    kept = "assistant" in [message["role"] for message in messages[1:]] and messages[0]["role"] != "assistant"
    return plain and kept and not options.get("continue_final_message") and "tools" not in options


def identity(masks, path):
    digest, count = hashlib.sha256(), 0
    for row in json.load(open(path, encoding="utf-8")):
        asked = row["instruction"] + ("\n" + row["input"] if row["input"] else "")
        messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": row["output"]}]
        ids, mask = masks.of(messages, {})
        digest.update(packed(ids) + bytes(mask))
        count += 1
    return {"records": count, "sha256": digest.hexdigest()}


def pairs(masks, path):
    roles = {"human": "user", "gpt": "assistant", "system": "system"}

    def message(turn):
        return {"role": roles[turn["from"]], "content": turn["value"]}

    digest, count = hashlib.sha256(), 0
    for row in json.load(open(path, encoding="utf-8")):
        prompt = [message(turn) for turn in row["conversations"]]
        for side in ["chosen", "rejected"]:
            messages = prompt + [message(row[side])]
            ids, mask = masks.of(messages, {})
            start = ranges(mask)[-1][0]
            digest.update(packed(ids) + bytes([0] * start + list(mask[start:])))
        count += 1
    return {"records": count, "sha256": digest.hexdigest()}


def main():
    fixtures, path = sys.argv[1:]
    stop_the_clock()
    golden = {"now": list(NOW), "special": SPECIAL, "templates": {}}
    for name, (place, variables) in TEMPLATES.items():
        masks = Masks(fixtures, place)
        cases = []
        for title, (messages, options) in CONVERSATIONS.items():
            if wanted(messages, options):
                extra = {**variables, **options.get("extra", {})}
                ids, mask = masks.of(messages, extra)
                digest = hashlib.sha256(packed(ids)).hexdigest()
                cases.append({"title": title, "ids": len(ids), "sha256": digest, "learnt": mask and ranges(mask)})
        golden["templates"][name] = {"path": place, "variables": variables, "conversations": cases}
    v2 = Masks(fixtures, TEMPLATES["v2"][0])
    golden["files"] = {
        "sft/identity.json": identity(v2, os.path.join(fixtures, "sft/identity.json")),
        "sft/dpo_en_demo.json": pairs(v2, os.path.join(fixtures, "sft/dpo_en_demo.json")),
    }
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        json.dump(golden, file, ensure_ascii=False, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
