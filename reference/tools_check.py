"""Calls of tools from `smollm serve`: random weights at temperature 1, real functions, and nobody's word for it but jsonschema's.

    python tools_check.py WORK_FOLDER SMOLLM STAND_IN_MODELS FIXTURES [FUNCTIONS]

WORK_FOLDER is an empty folder for models, SMOLLM the binary, STAND_IN_MODELS the example of smollm-testkit that writes small models
with random weights, FIXTURES the shared fixtures with the functions of the Berkeley function-calling leaderboard, FUNCTIONS how many of them
(12), a fifth of them with SmolLM3's template too, whose calls stand in blocks. Each is called freely, as `required` with several calls in two
answers and with one, by name, and, in turn, as one of two that is allowed or must be, told at once and in pieces, where a call must come with limits
on tokens from the shortest upwards: every call must be whole, have no arguments but those of its schema, fit it and have the right name, and the
pieces must be the whole. Where the shortest call is easy to tell, the least limit must be as many tokens as the vocabulary needs for it. Beside a
`response_format` an answer must be calls or JSON, and with `none` none may be opened. Needs jsonschema. Exit code 0 and a last line
"tools_check: N checks passed", or a traceback.
"""

import concurrent.futures
import importlib.metadata
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import bfcl
import served
import spelled
import told
from judged import fits, made_for, opens_calls
from served import Server, check

WORK, SMOLLM, STAND_INS, FIXTURES = Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3], Path(sys.argv[4])
COUNT = int(sys.argv[5]) if len(sys.argv) > 5 else 12
MODEL = "SmolLM2-135M-Instruct"
CONTEXT = 32768
ENDS = ('"', "}", "]", ",", "e")
"""What ends strings, lists, objects and numbers; made likelier, it makes free answers short."""
TOO_SHORT = re.compile(r"at most 1 tokens may be written, and the shortest text that is allowed takes (\d+)$")
FURTHER = (0, 1, 30, 400)
"""Tokens beyond those of the shortest call."""
THINKS = {"chat_template_kwargs": {"enable_thinking": False}}
NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}


def answers(address, body, stream=False):
    """The choices of an answer, which must be one."""
    status, text = told.post(address, "/v1/chat/completions", {**body, "stream": stream})
    assert status == 200, text
    return (told.pieces if stream else told.whole)(text)


def ways(index, first, opener):
    """Fields of requests that must be answered with calls, by whom they may be of, and how many calls an answer may have."""
    # as likely as all that ends something, and hotter, so that lists of calls are not always empty
    free = {"temperature": 3, "logit_bias": [[text, 18] for text in (*ENDS, "{", opener)], "max_tokens": 3000}
    named = {"type": "function", "function": {"name": first}}
    allowed = {mode: {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [named]}} for mode in ("auto", "required")}
    yield free, None, None
    if index % 2:
        yield {**free, "tool_choice": allowed["auto"]}, first, None
    else:
        yield {"tool_choice": allowed["required"]}, first, None
    yield {"tool_choice": "required", "n": 2}, None, None
    yield {"tool_choice": "required", "parallel_tool_calls": False}, None, 1
    for several in (True, False):
        yield {"tool_choice": named, "parallel_tool_calls": several}, first, 1


class Form:
    """How a model writes calls: its template, and what stands around a call."""

    def __init__(self, template, before, behind):
        self.template, self.before, self.behind = template, before, behind

    def counts(self, vocabulary, tools, schemas):
        """How many tokens the shortest answers take that call one of these; None where that is hard to tell."""
        texts = []
        for tool in tools:
            name = tool["function"]["name"]
            arguments = spelled.shortest(schemas[name])
            if not arguments:
                return None
            texts += [f'{self.before}{{"name": {json.dumps(name)}, "arguments": {text}}}{self.behind}' for text in arguments]
        return vocabulary.counts(texts)


FORMS = (
    Form(None, "<tool_call>[", "]</tool_call>"),
    Form(FIXTURES / "models/SmolLM3-3B/chat_template.jinja", "<tool_call>", "</tool_call>"),
)


def within(address, ask, way):
    """The fields of a way to ask, with limits from the shortest answer upwards where there must be a call, and that shortest."""
    if "max_tokens" in way:
        return [way], None
    status, text = told.post(address, "/v1/chat/completions", {**ask, **way, "max_tokens": 1})
    error = json.loads(text)["error"]
    assert status == 400 and error["param"] == "tool_choice", text
    least = int(TOO_SHORT.search(error["message"])[1])
    assert told.post(address, "/v1/chat/completions", {**ask, **way, "max_tokens": least - 1})[0] == 400, way
    return [{**way, "max_tokens": least + further} for further in FURTHER], least


def called(address, form, vocabulary, index, tools, question, opener):
    """All ways to call the first of `tools`, or one of them; how many checks passed, of how many ways the shortest call was counted by
    ourselves, and whether it was called freely too.
    """
    ask = {
        "messages": [{"role": "user", "content": question[:100]}],
        "tools": tools,
        "temperature": 1,
        "seed": index,
        **(THINKS if form.template else {}),
    }
    # arguments bind by name: there are none but those that a schema lists
    schemas = {tool["function"]["name"]: {"additionalProperties": False, **tool["function"]["parameters"]} for tool in tools}
    first = tools[0]["function"]["name"]
    passed, counted, freely = 0, 0, False
    for way, only, count in ways(index, first, opener):
        limited, least = within(address, ask, way)
        ours = form.counts(vocabulary, tools[: 1 if only else None], schemas) if least else None
        if ours:
            assert least in ours, f"the shortest call of {first} {way} takes {ours} tokens, says the vocabulary, and {least}, says the server"
            counted += 1
        for more in limited:
            choices = answers(address, {**ask, **more})
            where = f"{first} {more}: {choices}"
            assert len(choices) == more.get("n", 1), where
            for content, calls, reason in choices:
                if not least and not calls:
                    assert reason in ("stop", "length"), where  # a list of no calls, or no list
                    continue
                freely = freely or not least
                assert reason == "tool_calls" and calls and (count is None or len(calls) == count), where
                assert content == "" or not least, where
                for name, arguments in calls:
                    assert name in schemas and only in (None, name), where
                    fits(arguments, schemas[name])
            assert answers(address, {**ask, **more}, stream=True) == choices, where
            passed += 2
    either = {**ask, "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": NUMBER}}, "max_tokens": 400}
    ((content, calls, reason),) = choices = answers(address, either)
    assert answers(address, either, stream=True) == choices and (reason == "tool_calls") == bool(calls), choices
    for name, arguments in calls or [(None, content)]:
        fits(arguments, schemas.get(name, NUMBER))
    none = {**ask, "tool_choice": "none", "max_tokens": 24, "logit_bias": [[opener, 100]]}
    ((content, calls, reason),) = choices = answers(address, none)
    assert not calls and "<tool_call>" not in content and reason in ("stop", "length") and answers(address, none, stream=True) == choices, (first, choices)
    unknown = {"type": "function", "function": {"name": first + "_"}}
    among = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [unknown]}}
    for choice, param in ((unknown, "function.name"), (among, "allowed_tools.tools[0].function.name")):
        status, text = told.post(address, "/v1/chat/completions", {**ask, "tool_choice": choice})
        assert status == 400 and json.loads(text)["error"]["param"] == f"tool_choice.{param}", text
    return passed + counted + 4, counted, freely


def swept(model, form, chosen, opener):
    """Calls all of these in one form."""
    if form.template:
        path = model / "tokenizer_config.json"
        config = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps({**config, "chat_template": form.template.read_text(encoding="utf-8")}), encoding="utf-8")
    vocabulary = spelled.Vocabulary(model)
    with Server(SMOLLM, "-m", model, "--ctx", CONTEXT).ready() as server:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            jobs = []
            for index, ((tool, question), (other, _)) in enumerate(zip(chosen, itertools.chain(chosen[1:], chosen), strict=False)):
                jobs.append(pool.submit(called, server.address, form, vocabulary, index, [tool, other], question, opener))
            for done, job in enumerate(concurrent.futures.as_completed(jobs), 1):
                if job.exception():
                    break
                if done % 50 == 0:
                    print(f"{done} of {len(jobs)} functions", flush=True)
            pool.shutdown(wait=False, cancel_futures=True)  # if one failed, the others are of no use
            results = [job.result() for job in jobs]
        served.passed += sum(passed for passed, _, _ in results)
        counted, freely = sum(counted for _, counted, _ in results), sum(freely for _, _, freely in results)
        check(counted > len(chosen), f"the shortest call is counted in {counted} ways only")
        check(10 * freely > len(chosen), f"random weights call freely as well, but {freely} of {len(chosen)} did")
        check(server.stop() == 0, "the server stops when it is told to")


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
    for form, share in zip(FORMS, (1, 5), strict=True):
        swept(model, form, chosen[::share], opener)
    print(f"tools_check: {served.passed} checks passed on {len(chosen)} functions with jsonschema {importlib.metadata.version('jsonschema')}")


main()
