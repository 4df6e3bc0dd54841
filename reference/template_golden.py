"""Prompts of chat templates by transformers' own `apply_chat_template`.

Run as `python reference/template_golden.py FIXTURES testdata/templates`, last with transformers 5.23.0 and jinja2 3.1.6
(Python 3.11). FIXTURES holds model folders with templates; of the templates only what they make of the conversations is
written, and where that repeats much of a template, only its sha256 and length.

Writes into the folder:
  conversations.json  what is rendered: messages, tools, options
  prompts.json        for each template its place in the fixtures, its sha256, and for each conversation the prompt and the
                      byte ranges of its generation blocks, or Python's error
"""

import hashlib
import json
import os
import sys

from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils

from template_conversations import CONVERSATIONS
from template_files import NOW, stop_the_clock, template_text

# Model folders, the recipes of the authors, and whether prompts are committed as text.
TEMPLATES = {
    "v1": ("models/SmolLM-135M-Instruct/tokenizer_config.json", True),
    "v2": ("models/SmolLM2-135M-Instruct/tokenizer_config.json", True),
    "trl": ("models/smollm2-135m-ft-listmerges/tokenizer_config.json", True),
    "smollm3": ("models/SmolLM3-3B/chat_template.jinja", False),
    "v1 training": ("models/recipes/alignment/smollm/sft/config.yaml", False),
    "v2 training": ("models/recipes/alignment/smollm2/sft/config.yaml", False),
    "v2 training, small": ("models/recipes/alignment/smollm2/sft/config_smol.yaml", False),
    "smollm3 mid-training": ("models/recipes/alignment/smollm3/sft/mid.yaml", True),
    "smollm3 training": ("models/recipes/alignment/smollm3/sft/sft.yaml", False),
}
SPECIAL = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "unk_token": "<|endoftext|>", "pad_token": "<|im_end|>"}


def rendered(template, messages, options):
    """The prompt and the character ranges of its generation blocks."""
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), **SPECIAL)
    extra = options.get("extra", {})
    common = {key: value for key, value in options.items() if key != "extra"}
    ranges = []
    if "{% generation %}" in template and not options.get("continue_final_message"):
        # apply_chat_template gives a mask of ids; the ranges behind it come from the function below.
        plain = [{key: value for key, value in one.items() if value is not None} for one in messages]
        variables = {**common, **SPECIAL, **extra}
        texts, ranges = chat_template_utils.render_jinja_template(
            [plain], chat_template=template, return_assistant_tokens_mask=True, **variables
        )
        text, ranges = texts[0], ranges[0]
        if not messages:
            return text, ranges
    elif not messages:
        texts, _ = chat_template_utils.render_jinja_template(
            [[]], chat_template=template, **{**common, **SPECIAL, **extra}
        )
        return texts[0], []
    text = tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False, **common, **extra)
    return text, ranges


def outcome(template, messages, options, as_text):
    try:
        text, ranges = rendered(template, messages, options)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:120]}
    prompt = text.encode()
    found = {"text": text} if as_text else {"sha256": hashlib.sha256(prompt).hexdigest(), "bytes": len(prompt)}
    if ranges:
        found["spans"] = [[len(text[:start].encode()), len(text[:end].encode())] for start, end in ranges]
    return found


def write(folder, name, value):
    with open(os.path.join(folder, name), "w", encoding="utf-8", newline="\n") as file:
        json.dump(value, file, ensure_ascii=False, indent=1)
        file.write("\n")


def main():
    fixtures, folder = sys.argv[1:]
    stop_the_clock()
    os.makedirs(folder, exist_ok=True)
    conversations = {name: {"messages": messages, **options} for name, (messages, options) in CONVERSATIONS.items()}
    write(folder, "conversations.json", {"now": list(NOW), "special": SPECIAL, "conversations": conversations})
    prompts = {}
    for name, (path, as_text) in TEMPLATES.items():
        template = template_text(os.path.join(fixtures, path))
        prompts[name] = {
            "path": path,
            "sha256": hashlib.sha256(template.encode()).hexdigest(),
            "prompts": {title: outcome(template, *pair, as_text) for title, pair in CONVERSATIONS.items()},
        }
    write(folder, "prompts.json", prompts)


if __name__ == "__main__":
    main()
