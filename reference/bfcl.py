"""Functions of the Berkeley function-calling leaderboard as tools of OpenAI's API. Needs jsonschema."""

import json

import jsonschema

TYPES = {"dict": "object", "float": "number", "tuple": "array", "any": None}
FILES = ("simple_python", "multiple", "live_simple", "parallel", "parallel_multiple", "irrelevance", "live_relevance")
# what a grammar cannot make sure of, or random text never ends: left out of schemas, since the leaderboard's are no JSON schemas as they stand
KEYWORDS = {"type", "properties", "required", "items", "enum", "description", "additionalProperties", "default"}


def schema(given):
    """A parameter of the leaderboard as JSON Schema."""
    if not isinstance(given, dict):
        return given
    out = {key: value for key, value in given.items() if key in KEYWORDS}
    if (kind := out.pop("type", None)) is not None and TYPES.get(kind, kind):
        out["type"] = TYPES.get(kind, kind)
    if "properties" in out:
        out["properties"] = {name: schema(value) for name, value in out["properties"].items()}
        if not set(out.get("required", [])) <= set(out["properties"]):
            out["required"] = [name for name in out["required"] if name in out["properties"]]
    if "items" in out:
        out["items"] = schema(out["items"])
    if out.get("enum") is not None and "type" in out:
        fits = [value for value in out["enum"] if jsonschema.Draft202012Validator({"type": out["type"]}).is_valid(value)]
        out["enum"] = fits
        if not fits:
            del out["enum"]  # values of another type than the parameter's
    return out


def functions(fixtures, count):
    """So many different functions of the leaderboard as tools, from all its files, each with the question it is for.

    An AssertionError where there are fewer.
    """
    seen = {}
    for file in FILES:
        for line in (fixtures / f"eval/bfcl/BFCL_v4_{file}.json").read_text().splitlines():
            case = json.loads(line)
            question = case["question"][0][-1]["content"]
            for function in case["function"]:
                name = function["name"].replace(".", "_")
                tool = {
                    "name": name,
                    "description": function["description"],
                    "parameters": schema(function["parameters"]),
                }
                seen.setdefault(name, ({"type": "function", "function": tool}, question))
    every = list(seen.values())
    assert len(every) >= count, f"only {len(every)} functions in {fixtures}"
    return every[:: max(1, len(every) // count)][:count]
