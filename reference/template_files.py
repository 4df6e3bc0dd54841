"""Chat templates where they lie, and the moment at which the golden files say they were filled in."""

import datetime
import json

import yaml
from transformers.utils import chat_template_utils

NOW = (2025, 7, 9, 8, 5, 3)


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(*NOW)


def stop_the_clock():
    """For templates that print the date it is NOW from here on."""
    chat_template_utils.datetime = Clock


def template_text(path):
    """The template of a file: its own text, that of a tokenizer's configuration (.json) or of a recipe (.yaml)."""
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    if path.endswith(".json"):
        return json.loads(text)["chat_template"]
    if path.endswith(".yaml"):
        return yaml.safe_load(text)["chat_template"]
    return text
