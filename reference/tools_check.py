"""Calls of tools from `smollm serve`: random weights at temperature 1, real functions, and nobody's word for it but jsonschema's.

    python tools_check.py WORK_FOLDER SMOLLM STAND_IN_MODELS FIXTURES [FUNCTIONS]

WORK_FOLDER is an empty folder for models, SMOLLM the binary, STAND_IN_MODELS the example of smollm-testkit that writes small models
with random weights, FIXTURES the shared fixtures with the functions of the Berkeley function-calling leaderboard, FUNCTIONS how many of them
(12). Each is called freely, as `required` with several calls in two answers and with one, and by name, told at once and in pieces: every
call must parse, have no arguments but those of its schema, fit it and have the right name, and the pieces must be the whole. Needs
jsonschema. Exit code 0 and a last line "tools_check: N checks passed", or a traceback.
"""

import concurrent.futures
import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import bfcl
import served
import told
from judged import fits, made_for, opens_calls
from served import Server, check

WORK, SMOLLM, STAND_INS, FIXTURES = Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3], Path(sys.argv[4])
COUNT = int(sys.argv[5]) if len(sys.argv) > 5 else 12
MODEL = "SmolLM2-135M-Instruct"
CONTEXT = 32768
ENDS = ('"', "}", "]", ",", "e")
"""What ends strings, lists, objects and numbers is made likelier: random weights write as long a text as they are let."""


def answers(address, body, stream=False):
    """The choices of an answer, which must be one."""
    status, text = told.post(address, "/v1/chat/completions", {**body, "stream": stream})
    assert status == 200, text
    return (told.pieces if stream else told.whole)(text)


def ways(first, opener):
    """Fields of requests that must be answered with calls, by whom they may be of, and how many calls an answer may have."""
    # as likely as all that ends something, and hotter, so that lists of calls are not always empty
    yield {"temperature": 3, "logit_bias": [[text, 18] for text in (*ENDS, "{", opener)]}, None, None
    yield {"tool_choice": "required", "n": 2}, None, None
    yield {"tool_choice": "required", "parallel_tool_calls": False}, None, 1
    for several in (True, False):
        yield {"tool_choice": {"type": "function", "function": {"name": first}}, "parallel_tool_calls": several}, first, 1


def called(address, index, tools, question, opener):
    """All ways to call the first of `tools`, or one of them; how many checks passed, and whether it was called freely too."""
    ask = {
        "messages": [{"role": "user", "content": question[:100]}],
        "tools": tools,
        "temperature": 1,
        "seed": index,
        "max_tokens": 3000,
        "logit_bias": [[text, 6] for text in ENDS],
    }
    # arguments bind by name: there are none but those that a schema lists
    schemas = {tool["function"]["name"]: {"additionalProperties": False, **tool["function"]["parameters"]} for tool in tools}
    first = tools[0]["function"]["name"]
    passed, freely = 0, False
    for more, only, count in ways(first, opener):
        choices = answers(address, {**ask, **more})
        where = f"{first} {more}: {choices}"
        assert len(choices) == more.get("n", 1), where
        for content, calls, reason in choices:
            forced = "tool_choice" in more
            if not forced and not calls:
                assert reason in ("stop", "length"), where  # a list of no calls, or no list
                continue
            freely = freely or not forced
            assert reason == "tool_calls" and calls and (count is None or len(calls) == count), where
            assert content == "" or not forced, where
            for name, arguments in calls:
                assert name in schemas and only in (None, name), where
                fits(arguments, schemas[name])
        assert answers(address, {**ask, **more}, stream=True) == choices, where
        passed += 2
    none = {**ask, "tool_choice": "none", "max_tokens": 24, "logit_bias": [[opener, 100]]}
    ((_, calls, reason),) = choices = answers(address, none)
    assert not calls and reason in ("stop", "length") and answers(address, none, stream=True) == choices, (first, choices)
    unknown = {**ask, "tool_choice": {"type": "function", "function": {"name": first + "_"}}}
    status, text = told.post(address, "/v1/chat/completions", unknown)
    assert status == 400 and json.loads(text)["error"]["param"] == "tool_choice.function.name", text
    return passed + 2, freely


def main():
    if not FIXTURES.is_dir():
        print(f"SKIP: there are no fixtures at {FIXTURES}")
        sys.exit(77)
    subprocess.run([STAND_INS, str(WORK)], check=True)
    chosen = bfcl.functions(FIXTURES, COUNT)
    check(len(chosen) == COUNT, "as many functions as asked for")
    model = WORK / "HuggingFaceTB" / MODEL
    made_for(model, CONTEXT)
    opener, _ = opens_calls(model)
    with Server(SMOLLM, "-m", model, "--ctx", CONTEXT).ready() as server:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            jobs = []
            for index, (tool, question) in enumerate(chosen):
                other = chosen[(index + 1) % len(chosen)][0]
                jobs.append(pool.submit(called, server.address, index, [tool, other], question, opener))
            results = [job.result() for job in jobs]
        served.passed += sum(passed for passed, _ in results)
        check(10 * sum(freely for _, freely in results) > COUNT, "random weights call freely as well")
        check(server.stop() == 0, "the server stops when it is told to")
    print(f"tools_check: {served.passed} checks passed on {len(chosen)} functions with jsonschema {importlib.metadata.version('jsonschema')}")


main()
