"""A tour of `smollm serve` with instructor: objects by way of calls and of schemas, whole, in pieces and several at once.

    python instructor_check.py WORK_FOLDER SMOLLM STAND_IN_MODELS

WORK_FOLDER is an empty folder for models, SMOLLM the binary, STAND_IN_MODELS the example of smollm-testkit that writes small models
with random weights. What instructor reads is held against the answers themselves. Needs instructor and jsonschema. Exit code 0 and a last
line "instructor_check: N checks passed", or a traceback.
"""

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path
from typing import Iterable

import instructor
import openai
import pydantic
from instructor import Mode

import served
from judged import City, Note, fits
from served import Server, check

WORK, SMOLLM, STAND_INS = Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3]
MODEL = "SmolLM2-135M-Instruct"
ASK = {"model": MODEL, "messages": [{"role": "user", "content": "Name a city."}], "temperature": 1, "max_tokens": 300}
SEEDS = range(5)


def texts(answer, mode):
    """The texts that an answer's objects are in: the arguments of its calls, or all that it says."""
    (choice,) = answer.choices
    if mode in (Mode.TOOLS, Mode.TOOLS_STRICT):
        check(choice.finish_reason == "tool_calls" and not choice.message.content, "calls and nothing else")
        return [(call.function.name, call.function.arguments) for call in choice.message.tool_calls]
    check(choice.finish_reason == "stop" and not choice.message.tool_calls, "a text and nothing else")
    return [("City", choice.message.content)]


def objects(plain, mode):
    """An object, at the first attempt, whole and in pieces."""
    client, asked = instructor.from_openai(plain, mode=mode), []
    client.on("completion:kwargs", lambda *_, **request: asked.append(request))
    for seed in SEEDS:
        city, answer = client.chat.completions.create_with_completion(response_model=City, max_retries=0, seed=seed, **ASK)
        ((name, text),) = texts(answer, mode)
        check(name == "City" and fits(text) == city.model_dump(), "an object that is what the model wrote")
    check(len(asked) == len(SEEDS), "at the first attempt")
    for seed in SEEDS:
        asked.clear()
        *_, last = client.chat.completions.create_partial(response_model=City, seed=seed, **ASK)
        (request,) = asked
        ((_, text),) = texts(plain.chat.completions.create(**{**request, "stream": False}), mode)
        check(last.model_dump() == {**dict.fromkeys(City.model_fields), **json.loads(text)}, "the same in pieces")


def several(plain):
    """Several objects of a request: a list in a call, which instructor reads while it comes."""
    client, asked = instructor.from_openai(plain, mode=Mode.TOOLS), []
    client.on("completion:kwargs", lambda *_, **request: asked.append(request))
    counts = set()
    for seed in range(12):
        asked.clear()
        likelier = {"4": 9, "93": 12}  # `"` and `{`: that there is something in objects and lists
        ask = {**ASK, "temperature": 3, "response_model": Iterable[City], "max_retries": 0, "stream": True, "seed": seed, "logit_bias": likelier}
        try:
            cities = [city.model_dump() for city in client.chat.completions.create(**ask)]
        except pydantic.ValidationError:
            cities = None  # of `{}`, which the schema that instructor makes allows and its parser does not
        (request,) = asked
        ((_, text),) = texts(plain.chat.completions.create(**{**request, "stream": False}), Mode.TOOLS)
        tasks = json.loads(text).get("tasks")
        check(cities == (tasks and [fits(json.dumps(task)) for task in tasks]), "a list")
        counts.add(len(cities or []))
    check(len(counts) > 1, "of several lengths")


def anything(plain):
    """Any JSON object: what the schema says is in the prompt alone."""
    client = instructor.from_openai(plain, mode=Mode.JSON)
    for seed in SEEDS:
        limit = {**ASK, "max_tokens": 60, "seed": seed}
        note, answer = client.chat.completions.create_with_completion(response_model=Note, max_retries=0, **limit)
        ((_, text),) = texts(answer, Mode.JSON)
        check(fits(text, {"type": "object"}).get("text") == note.text, "an object")


def main():
    subprocess.run([STAND_INS, str(WORK)], check=True)
    with Server(SMOLLM, "-m", WORK / "HuggingFaceTB" / MODEL).ready() as server:
        plain = openai.OpenAI(base_url=f"{server.address}/v1", api_key="none", max_retries=0)
        for mode in (Mode.TOOLS, Mode.TOOLS_STRICT, Mode.JSON_SCHEMA):
            objects(plain, mode)
        several(plain)
        anything(plain)
        check(server.stop() == 0, "the server stops when it is told to")
    version = importlib.metadata.version("instructor")
    print(f"instructor_check: {served.passed} checks passed with instructor {version}")


main()
