"""JSON schemas of Python functions by transformers' own `get_json_schema`.

Run as `python reference/tool_schema_golden.py testdata/tools/schemas.json`, last with transformers 5.24.0, torch 2.15.0 and Pillow
12.1.0 (Python 3.11); with --check behind it nothing is written, and the file must be what would be (`cargo xtask accept tool-schema`).

Writes for each case of `tool_schema_cases.py` its source, the name of the function, and its schema or the name of Python's error.
"""

import json
import sys

import PIL
import torch
import transformers
from transformers.utils import get_json_schema

from tool_schema_cases import CASES


def made(name, source, function):
    """A case with what transformers makes of it."""
    case = {"name": name, "source": source, "function": function}
    scope = {"__name__": "cases"}
    try:
        exec(compile(source, name, "exec", dont_inherit=True), scope)
        found = scope[function.split(".")[0]]
        for part in function.split(".")[1:]:
            found = getattr(found, part)
        schema = get_json_schema(found)
    except Exception as error:  # every error is a result here
        return {**case, "error": type(error).__name__}
    return {**case, "schema": schema}


def main():
    path = sys.argv[1]
    cases = ",\n".join(json.dumps(made(*case), ensure_ascii=False) for case in CASES)
    text = f"[\n{cases}\n]\n"
    with_versions = f"transformers {transformers.__version__}, torch {torch.__version__}, Pillow {PIL.__version__}"
    if sys.argv[2:] == ["--check"]:
        with open(path, encoding="utf-8", newline="") as file:
            assert json.load(file) == json.loads(text), f"{path} is not what {with_versions} makes"
        print(f"tool_schema_golden: {len(CASES)} checks passed with {with_versions}")
        return
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)


if __name__ == "__main__":
    main()
