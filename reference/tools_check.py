"""Calls of tools from `smollm serve`: random weights at temperature 1, real functions, and nobody's word for it but jsonschema's.

    python tools_check.py WORK_FOLDER SMOLLM STAND_IN_MODELS FIXTURES [FUNCTIONS]

WORK_FOLDER is an empty folder for models, SMOLLM the binary, STAND_IN_MODELS the example of smollm-testkit that writes small models
with random weights, FIXTURES the shared fixtures with the functions of the Berkeley function-calling leaderboard, FUNCTIONS how many of them
(12). Each is called as `required` with several calls and with one, and by name, told at once and in pieces: every call must parse, fit its
schema and have the right name, and the pieces must be the whole. Needs jsonschema. Exit code 0 and a last line "tools_check: N checks
passed", or a traceback.
"""

import concurrent.futures
import http.client
import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import jsonschema

import served
from served import Server, check

WORK, SMOLLM, STAND_INS, FIXTURES = Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3], Path(sys.argv[4])
COUNT = int(sys.argv[5]) if len(sys.argv) > 5 else 12
MODEL = "SmolLM2-135M-Instruct"
CONTEXT = 32768
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


def functions():
    """Different functions of the leaderboard as tools, each with the question it is for."""
    seen = {}
    for file in FILES:
        for line in (FIXTURES / f"eval/bfcl/BFCL_v4_{file}.json").read_text().splitlines():
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
    return list(seen.values())


def post(address, body):
    """Status and body of a chat."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=600)
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def whole(address, body):
    """The message of an answer, and why it ended."""
    status, text = post(address, body)
    assert status == 200, text
    choice = json.loads(text)["choices"][0]
    calls = [(c["function"]["name"], c["function"]["arguments"]) for c in choice["message"].get("tool_calls", [])]
    return choice["message"]["content"] or "", calls, choice["finish_reason"]


def pieces(address, body):
    """The same, put together from a stream."""
    status, text = post(address, {**body, "stream": True})
    assert status == 200, text
    content, calls, reason = "", [], None
    for event in text.split("\n\n"):
        if not event.startswith("data: {"):
            continue
        choice = json.loads(event[6:])["choices"][0]
        content += choice["delta"].get("content") or ""
        for call in choice["delta"].get("tool_calls", []):
            if call["index"] == len(calls):
                calls.append([call["function"]["name"], ""])
            calls[call["index"]][1] += call["function"]["arguments"]
        reason = choice["finish_reason"] or reason
    return content, [tuple(call) for call in calls], reason


def called(address, index, tools, question, bias):
    """All ways to call the first of `tools`, or one of them."""
    ask = {
        "messages": [{"role": "user", "content": question[:100]}],
        "tools": tools,
        "temperature": 1,
        "seed": index,
        "max_tokens": 3000,
        "logit_bias": bias,
    }
    schemas = {tool["function"]["name"]: tool["function"]["parameters"] for tool in tools}
    first = tools[0]["function"]["name"]
    named = {"type": "function", "function": {"name": first}}
    ways = [({"tool_choice": "required"}, None), ({"tool_choice": "required", "parallel_tool_calls": False}, 1)]
    ways += [({"tool_choice": named, "parallel_tool_calls": several}, 1) for several in (True, False)]
    passed = 0
    for more, count in ways:
        answer = content, calls, reason = whole(address, {**ask, **more})
        where = f"{first} {more}: {answer}"
        assert reason == "tool_calls" and content == "", where
        assert calls and (count is None or len(calls) == count), where
        for name, arguments in calls:
            assert name in schemas and (more["tool_choice"] == "required" or name == first), where
            jsonschema.validate(json.loads(arguments), schemas[name])
        assert pieces(address, {**ask, **more}) == answer, where
        passed += 2
    none = {**ask, "tool_choice": "none", "max_tokens": 24}
    content, calls, reason = whole(address, none)
    assert not calls and reason in ("stop", "length") and pieces(address, none) == (content, calls, reason), first
    status, text = post(address, {**ask, "tool_choice": {"type": "function", "function": {"name": first + "_"}}})
    assert status == 400 and json.loads(text)["error"]["param"] == "tool_choice.function.name", text
    return passed + 2


def main():
    if not FIXTURES.is_dir():
        print(f"SKIP: there are no fixtures at {FIXTURES}")
        sys.exit(77)
    subprocess.run([STAND_INS, str(WORK)], check=True)
    every = functions()
    chosen = every[:: max(1, len(every) // COUNT)][:COUNT]
    check(len(chosen) == COUNT, "as many functions as asked for")
    model = WORK / "HuggingFaceTB" / MODEL
    config = json.loads((model / "config.json").read_text())
    config["max_position_embeddings"] = CONTEXT  # its vocabulary spells most words letter by letter
    (model / "config.json").write_text(json.dumps(config))
    with Server(SMOLLM, "-m", model, "--ctx", CONTEXT).ready() as server:
        # Random weights write as long a text as they are let: what closes strings, lists and objects is made likelier, never certain.
        bias = [[text, 6] for text in ('"', "}", "]", ",", "e")]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            jobs = []
            for index, (tool, question) in enumerate(chosen):
                other = chosen[(index + 1) % len(chosen)][0]
                jobs.append(pool.submit(called, server.address, index, [tool, other], question, bias))
            for job in jobs:
                served.passed += job.result()
        check(server.stop() == 0, "the server stops when it is told to")
    print(f"tools_check: {served.passed} checks passed on {len(chosen)} functions with jsonschema {importlib.metadata.version('jsonschema')}")


main()
