"""Answers of `smollm serve` that are held to JSON schemas, judged by the Python package jsonschema.

    python constrained_check.py WORK_FOLDER SMOLLM STAND_IN_MODELS FIXTURES [--all]

WORK_FOLDER is an empty folder for models, SMOLLM the binary, STAND_IN_MODELS the example of smollm-testkit that writes small models
with random weights. Schemas are those of the JSON-Schema-Test-Suite in FIXTURES that the server takes, and others as people write them
for tools, made here. Each is answered at temperature 0 and 1, with limits from the shortest answer upwards; every answer must be
whole, valid, and without blanks beside each other. Where the shortest text of a schema is easy to tell, the least limit must be as many
tokens as the vocabulary needs for it. A sample of them, or all with --all. Needs jsonschema.
"""

import concurrent.futures
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import jsonschema

import served
import spelled
from schemas import SUITE, Maker, of_the_suite, readable, validator
from served import Server, check

WORK, SMOLLM, STAND_INS, FIXTURES = Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3], Path(sys.argv[4])
ALL = "--all" in sys.argv[5:]
MADE = 1000 if ALL else 60
SHARE = 1 if ALL else 10
"""Of the schemas of the suite one in so many is tried."""
TAKEN, COUNTED = (300, 350) if ALL else (30, 20)
"""Schemas of the suite that the server takes at least, and schemas whose shortest text is counted by ourselves."""
FURTHER = (0, 1, 7, 40)
"""Tokens beyond those of the shortest answer."""
TOO_SHORT = re.compile(r"at most 0 tokens may be written, and the shortest text that is allowed takes (\d+)$")
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def post(address, body):
    """The status and the answer."""
    request = urllib.request.Request(f"{address}/v1/completions", json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=600) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def shortest(address, schema):
    """Tokens of the shortest answer; None for a schema that is refused."""
    status, answer = post(address, {"prompt": "a", "guided_json": schema, "max_tokens": 0})
    assert status == 400, (schema, answer)
    error = answer["error"]
    if error["code"] == "invalid_grammar":
        assert error["message"].startswith("guided_json: $"), error
        return None
    found = TOO_SHORT.search(error["message"])
    assert found, (schema, error)
    return int(found[1])


def judge(address, vocabulary, schema):
    """Whether a schema is taken, whether its shortest text was counted by ourselves, and how many answers were judged: none if it cannot be."""
    least = shortest(address, schema)
    if least is None:
        return False, False, 0
    texts = spelled.shortest(schema)
    if texts:
        counts = vocabulary.counts(texts)
        assert least in counts, f"the shortest takes {counts} tokens, says the vocabulary, and {least}, says the server: {schema}"
    if not readable(schema):
        return True, bool(texts), 0
    judging = validator(schema)
    for further in FURTHER:
        for temperature in (0, 1):
            body = {"prompt": "a", "guided_json": schema, "max_tokens": least + further, "temperature": temperature, "seed": further}
            status, answer = post(address, body)
            assert status == 200, (schema, body["max_tokens"], answer)
            choice = answer["choices"][0]
            what = f"{choice['text']!r} in {least + further} tokens under {json.dumps(schema)}"
            assert choice["finish_reason"] == "stop", what
            try:
                judging.validate(json.loads(choice["text"]))
            except (ValueError, jsonschema.ValidationError) as error:
                raise AssertionError(f"{what}: {error}") from error
            assert not re.search(r"\s\s", STRING.sub("", choice["text"])), what
    status, answer = post(address, {"prompt": "a", "guided_json": schema, "max_tokens": least - 1})
    assert status == 400, (schema, least, answer)
    return True, bool(texts), len(FURTHER) * 2


def main():
    if not (FIXTURES / SUITE).is_dir():
        print(f"SKIP: {FIXTURES / SUITE} is absent")
        sys.exit(77)
    subprocess.run([STAND_INS, str(WORK)], check=True)
    suite = list(of_the_suite(FIXTURES))[::SHARE]
    tools = [Maker(seed).tool() for seed in range(MADE)]
    model = WORK / "HuggingFaceTB/SmolLM2-135M"
    vocabulary = spelled.Vocabulary(model)
    with Server(SMOLLM, "-m", model, "--ctx", "2048").ready() as server:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            judged = list(pool.map(lambda schema: judge(server.address, vocabulary, schema), suite + tools))
        check(server.child.poll() is None, "the server has ended")
    taken = sum(taken for taken, _, _ in judged[: len(suite)])
    made = sum(answers > 0 for _, _, answers in judged[len(suite) :])
    counted = sum(counted for _, counted, _ in judged)
    check(taken >= TAKEN, f"only {taken} of {len(suite)} schemas of the suite are taken")
    check(made == MADE, f"only {made} of {MADE} schemas of tools are taken")
    check(counted >= COUNTED, f"only of {counted} schemas the shortest text is counted")
    served.passed += sum(answers for _, _, answers in judged) + counted
    print(f"{taken} of {len(suite)} schemas of the suite and {made} others: every answer is whole and valid; {counted} shortest ones are counted")
    print(f"constrained_check: {served.passed} checks passed")


main()
