"""How many tokens a text takes at the least, counted from the vocabulary alone, and the shortest texts of schemas with few of them."""

import itertools
import json

MOST = 64
"""Texts above which a schema has too many to look at each."""
SAYS_NOTHING = {"$schema", "$id", "$comment", "title", "description", "default", "examples"}
SHORTEST = {
    "string": ['""'],
    "integer": ["0"],
    "number": ["0"],
    "array": ["[]"],
    "boolean": ["true", "false"],
    "null": ["null"],
}
"""Of types that say nothing more. Any digit does for all where no piece of the vocabulary has a digit beside anything else."""


def alphabet():
    """The bytes behind the letters in which byte-level vocabularies are written."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + place): byte for place, byte in enumerate(others)}


class Vocabulary:
    """The pieces of text in a tokenizer.json of the byte-level kind."""

    def __init__(self, folder):
        tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        letters = alphabet()
        added = {token["id"]: token for token in tokenizer["added_tokens"]}
        pieces = {bytes(letters[letter] for letter in token) for token, index in tokenizer["model"]["vocab"].items() if index not in added}
        pieces |= {token["content"].encode() for token in added.values() if not token["special"]}
        self.pieces, self.longest = pieces, max(map(len, pieces))

    def least(self, text):
        """The fewest pieces that are this text; the tokenizer's own may be more."""
        text = text.encode()
        counts = [0]
        for end in range(1, len(text) + 1):
            starts = range(max(0, end - self.longest), end)
            counts.append(min(counts[start] + 1 for start in starts if text[start:end] in self.pieces))
        return counts[-1]

    def counts(self, texts):
        """How many tokens the shortest of some texts take; of several that are as many bytes any may be meant."""
        least = min(len(text.encode()) for text in texts)
        return {self.least(text) for text in texts if len(text.encode()) == least}


def shortest(schema):
    """Texts among which are the shortest ones of a schema, written as the server writes JSON; None where they are many or hard to tell."""
    if not isinstance(schema, dict):
        return None
    said = {key: value for key, value in schema.items() if key not in SAYS_NOTHING}
    kind = said.pop("type", None)
    if said.keys() == {"enum"} or said.keys() == {"const"}:
        values = said.get("enum", [said.get("const")])
        # neither 1 and 1.0 nor a type beside the values, where both can be told in two ways
        return [json.dumps(value, ensure_ascii=False) for value in values] if all(map(plain, values)) and kind in (None, "string") else None
    if kind == "array":
        said.pop("items", None)  # there need be none
    if kind == "object":
        properties, required = said.pop("properties", {}), said.pop("required", [])
        said.pop("additionalProperties", None)  # what need not be there makes no text shorter
        if said or not set(required) <= set(properties):
            return None
        parts = [(name, shortest(value)) for name, value in properties.items() if name in required]
        if any(not texts for _, texts in parts):
            return None
        heads = [json.dumps(name, ensure_ascii=False) + ": " for name, _ in parts]
        if len(combinations := list(itertools.islice(itertools.product(*(texts for _, texts in parts)), MOST + 1))) > MOST:
            return None
        return ["{" + ", ".join(head + text for head, text in zip(heads, texts, strict=True)) + "}" for texts in combinations]
    return SHORTEST.get(kind) if isinstance(kind, str) and not said else None


def plain(value):
    """Whether there is one way to write it: a text without what has to be escaped, or a whole number, a truth value or null."""
    return (isinstance(value, str) and value.isprintable() and not set(value) & set('"\\')) or isinstance(value, (bool, int)) or value is None
