"""Calls of tools and JSON under schemas from `smollm serve` and from llama-server: how many of them are what was asked for.

    python valid_output.py WORK_FOLDER SMOLLM STAND_IN_MODELS FIXTURES LLAMA_SERVER [FUNCTIONS [SCHEMAS]]

WORK_FOLDER is an empty folder for models, SMOLLM the binary, STAND_IN_MODELS the example of smollm-testkit that writes small models
with random weights, FIXTURES the shared fixtures, FUNCTIONS how many functions of the leaderboard are called (50), SCHEMAS how many schemas
of the JSON-Schema-Test-Suite and how many made ones there are (50 each).

Both servers have the same GGUF file, whose weights are random: what is right is right by construction, and not by the model's good sense. Both
get the same requests, one server after the other, and are judged by jsonschema alone. The last line is "valid_output: N checks passed", before
it comes a table in Markdown. Exit code 0 if everything of smollm's is right, whatever llama-server's is. Needs jsonschema.
"""

import concurrent.futures
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter, namedtuple
from pathlib import Path

import jsonschema

import bfcl
import served
import told
from judged import made_for
from schemas import SUITE, Maker, of_the_suite, readable, validator

WORK, SMOLLM, STAND_INS, FIXTURES, LLAMA = Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3], Path(sys.argv[4]), sys.argv[5]
FUNCTIONS = int(sys.argv[6]) if len(sys.argv) > 6 else 50
SCHEMAS = int(sys.argv[7]) if len(sys.argv) > 7 else 50
MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
CONTEXT = 16384
PLACES = 4
CALL_TOKENS = 2000
SCHEMA_TOKENS = 200
END_OF_TURN = 2
BIAS = [[text, 6] for text in ('"', "}", "]", ",", "e", END_OF_TURN)]
"""What ends strings, lists, objects, numbers and answers is made likelier: random weights write as long a text as they are let."""
CALLS = ("answered", "called", "right name", "arguments parse", "arguments valid")
OBJECTS = ("answered", "whole", "parses", "valid")
Template = namedtuple("Template", "name source")
TEMPLATES = (Template("SmolLM2", None), Template("SmolLM3", FIXTURES / "models/SmolLM3-3B/chat_template.jinja"))


class LlamaServer:
    """llama-server on a free port, which ends with the block."""

    def __init__(self, model):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        options = ["--host", "127.0.0.1", "--port", port, "-m", model, "-np", PLACES, "-c", PLACES * CONTEXT, "--jinja", "--no-ui", "-t", 1]
        environment = {name: value for name, value in served.environment().items() if not name.startswith("LLAMA_")}
        with open(WORK / "llama-server.log", "w", encoding="utf-8") as log:
            self.child = subprocess.Popen([LLAMA, *map(str, options)], stdout=log, stderr=log, env=environment)

    def __enter__(self):
        for _ in range(600):
            assert self.child.poll() is None, f"llama-server has ended: {WORK / 'llama-server.log'}"
            try:
                urllib.request.urlopen(f"{self.address}/health").close()
                return self
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        raise AssertionError("llama-server is not ready in a minute")

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait(60)


def ask(address, body):
    """The only choice of an answer, or None where the server has none to give."""
    status, text = told.post(address, "/v1/chat/completions", body)
    choices = [] if status != 200 else (told.pieces if body.get("stream") else told.whole)(text)
    return choices[0] if len(choices) == 1 else None


def holds(judge, text):
    """Whether a text is JSON, and whether it is valid."""
    try:
        value = json.loads(text)
    except ValueError:
        return False, False
    try:
        return True, judge.is_valid(value)
    except (jsonschema.exceptions.SchemaError, RecursionError):
        return True, False


def called(address, body, schemas, only):
    """Whether there is an answer with calls (one, where one was asked for), all of a right name, with arguments that parse, and are valid."""
    choice = ask(address, body)
    if choice is None:
        return ()
    _, calls, _ = choice
    if not calls or (body["parallel_tool_calls"] is False and len(calls) > 1):
        return ("answered",)
    right = all(name in schemas and only in (None, name) for name, _ in calls)
    held = [holds(validator(schemas.get(name, True)), arguments) for name, arguments in calls]
    parse, valid = all(parses for parses, _ in held), right and all(valid for _, valid in held)
    return tuple(flag for flag, is_so in zip(CALLS, (True, True, right, parse, valid), strict=True) if is_so)


def tools(template):
    """Requests that must be answered with calls: the row that they belong to, and what judges an answer."""
    chosen = bfcl.functions(FIXTURES, FUNCTIONS)
    for index, (tool, question) in enumerate(chosen):
        offered = [tool, chosen[(index + 1) % len(chosen)][0]]
        schemas = {tool["function"]["name"]: tool["function"]["parameters"] for tool in offered}
        first = tool["function"]["name"]
        named = {"type": "function", "function": {"name": first}}
        for way, choice, several, only in (
            ("`required`, one call", "required", False, None),
            ("`required`, several", "required", True, None),
            ("a named function", named, False, first),
        ):
            for stream in (False, True):
                body = {
                    "messages": [{"role": "user", "content": question[:100]}], "tools": offered, "tool_choice": choice,
                    "parallel_tool_calls": several, "temperature": 1, "seed": index, "max_tokens": CALL_TOKENS, "logit_bias": BIAS,
                    "stream": stream, "chat_template_kwargs": {"enable_thinking": False},
                }
                row = f"{template}: {way}, {'streamed' if stream else 'at once'}"
                yield row, lambda address, body=body, only=only, schemas=schemas: called(address, body, schemas, only)


def answered(address, body, judge):
    """Whether there is an answer, whether it ended by itself, parses and is valid."""
    choice = ask(address, body)
    if choice is None:
        return ()
    content, _, reason = choice
    parses, valid = holds(judge, content)
    return tuple(flag for flag, is_so in zip(OBJECTS, (True, reason == "stop", parses, valid), strict=True) if is_so)


def schemas():
    """Requests whose answers must fit a schema."""
    suite = [schema for schema in of_the_suite(FIXTURES) if isinstance(schema, dict) and readable(schema)]
    sources = {
        "schemas of the JSON-Schema-Test-Suite": suite[:: max(1, len(suite) // SCHEMAS)][:SCHEMAS],
        "schemas as for tools": [Maker(seed).tool() for seed in range(SCHEMAS)],
    }
    for source, given in sources.items():
        for schema in given:
            for temperature in (0, 1):
                body = {
                    "messages": [{"role": "user", "content": "Answer."}], "temperature": temperature, "seed": 1, "max_tokens": SCHEMA_TOKENS,
                    "logit_bias": BIAS,
                    "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}},
                }
                row = f"{source}, temperature {temperature}"
                yield row, lambda address, body=body, schema=schema: answered(address, body, validator(schema))


def counted(address, requests):
    """Of each row how many requests there were, and how many answers have each flag."""
    counts = {}
    with concurrent.futures.ThreadPoolExecutor(PLACES) as pool:
        for row, flags in zip([row for row, _ in requests], pool.map(lambda request: request[1](address), requests), strict=True):
            counts.setdefault(row, Counter()).update(["asked", *flags])
    return counts


def table(columns, ours, theirs):
    """Lines of Markdown."""
    yield "| what is asked for | requests | " + " | ".join(f"{column}: smollm | llama-server" for column in columns) + " |"
    yield "| --- | ---: |" + " ---: | ---: |" * len(columns)
    for row, counts in ours.items():
        cells = [f"{counts[column]} | {theirs[row][column]}" for column in columns]
        yield f"| {row} | {counts['asked']} | " + " | ".join(cells) + " |"


def file_with(template):
    """A GGUF file of the stand-in model with a template of its own, or another's."""
    model, file = WORK / MODEL, WORK / f"{template.name}.gguf"
    path = model / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    if template.source:
        config["chat_template"] = template.source.read_text(encoding="utf-8")
        path.write_text(json.dumps(config), encoding="utf-8")
    subprocess.run([SMOLLM, "convert", model, file], check=True, env=served.environment(), stdout=subprocess.DEVNULL)
    return file


def both(file, requests):
    """What smollm and llama-server answer, counted."""
    with served.Server(SMOLLM, "-m", file, "--ctx", CONTEXT, "--parallel", PLACES).ready() as server:
        ours = counted(server.address, requests)
    with LlamaServer(file) as server:
        return ours, counted(server.address, requests)


def main():
    if not (FIXTURES / SUITE).is_dir():
        print(f"SKIP: {FIXTURES / SUITE} is absent")
        sys.exit(77)
    subprocess.run([STAND_INS, str(WORK)], check=True)
    made_for(WORK / MODEL, CONTEXT)
    passed, calls, held = 0, ({}, {}), None
    for template in TEMPLATES:
        file = file_with(template)
        for known, counts in zip(calls, both(file, list(tools(f"{template.name}'s template"))), strict=True):
            known.update(counts)
        held = held or both(file, list(schemas()))
    for columns, (ours, theirs) in ((CALLS, calls), (OBJECTS, held)):
        print("\n".join(table(columns, ours, theirs)) + "\n")
        for row, flags in ours.items():
            # every request for calls is answered; a schema may be refused, and that is said
            least = flags["asked"] if columns is CALLS else max(1, flags["answered"])
            assert all(flags[column] == least for column in columns), (row, flags)
            passed += flags["asked"]
    print(f"valid_output: {passed} checks passed")


main()
