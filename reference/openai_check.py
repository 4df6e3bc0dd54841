"""A tour of `smollm serve` with the Python openai client.

    python openai_check.py WORK_FOLDER SMOLLM STAND_IN_MODELS

WORK_FOLDER is an empty folder for models, SMOLLM the binary, STAND_IN_MODELS the example of smollm-testkit that writes small models
with random weights. Needs openai and jsonschema. Exit code 0 and a last line "openai_check: N checks passed", or a traceback.
"""

import asyncio
import concurrent.futures
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import openai

import served
from judged import CITY, OPENS, City, fits, opens_calls
from served import Server, check, raises

WORK, SMOLLM, STAND_INS = Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3]
MODEL = "SmolLM2-135M-Instruct"
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say something."}]

def chat(client):
    """Whole answers: fields, choices, seeds, stop strings, log-probabilities."""
    ask = lambda **more: client.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=12, **more)
    answer = ask(temperature=0)
    choice = answer.choices[0]
    check(choice.message.role == "assistant" and isinstance(choice.message.content, str), "a message")
    check(choice.finish_reason in ("stop", "length"), "a reason")
    check(answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens, "usage adds up")
    check(answer.system_fingerprint.startswith("b"), "a fingerprint")
    check(ask(temperature=0).choices[0].message.content == choice.message.content, "greedy answers repeat")
    several = ask(temperature=5, seed=7, n=3)
    check([c.index for c in several.choices] == [0, 1, 2], "three choices")
    again = ask(temperature=5, seed=7, n=3)
    check([c.message.content for c in again.choices] == [c.message.content for c in several.choices], "seeds repeat")
    check(ask(temperature=5, seed=7).choices[0].message.content == several.choices[0].message.content, "n adds choices")
    check(ask(temperature=5, seed=8).choices[0].message.content != several.choices[0].message.content, "another seed")
    logged = ask(temperature=0, logprobs=True, top_logprobs=4)
    tokens = logged.choices[0].logprobs.content
    check(len(tokens) == logged.usage.completion_tokens, "a log-probability for each token")
    check(all(len(t.top_logprobs) == 4 and t.top_logprobs[0].logprob == t.logprob for t in tokens), "greedy is the likeliest")
    text = b"".join(bytes(t.bytes) for t in tokens).decode(errors="replace")
    check(text == logged.choices[0].message.content, "their bytes are the text")
    stop = text[2:4]
    cut = ask(temperature=0, stop=[stop])
    check(len(stop) == 2 and cut.choices[0].message.content == text[: text.index(stop)], "ends before the stop string")
    check(cut.choices[0].finish_reason == "stop", "and says why")
    biased = ask(temperature=0, logit_bias={"70": 100}, logprobs=True)
    check(len({t.token for t in biased.choices[0].logprobs.content}) == 1, "a bias of 100 rules")


def stream(client):
    """Pieces, and leaving in the middle."""
    ask = lambda **more: client.chat.completions.create(model=MODEL, messages=MESSAGES, temperature=0, **more)
    whole = ask(max_tokens=20)
    pieces = list(ask(max_tokens=20, stream=True, stream_options={"include_usage": True}))
    text = "".join(p.choices[0].delta.content or "" for p in pieces if p.choices)
    check(text == whole.choices[0].message.content, "the pieces are the answer")
    check(pieces[0].choices[0].delta.role == "assistant", "the first says who")
    check(pieces[-1].usage.completion_tokens == whole.usage.completion_tokens, "the last says how many")
    check(len({p.id for p in pieces}) == 1, "all have one id")
    several = dict(max_tokens=20, n=2, logprobs=True, top_logprobs=2)
    pieces = [piece.choices[0] for piece in ask(**several, stream=True)]
    for choice in ask(**several).choices:
        mine = [piece for piece in pieces if piece.index == choice.index]
        check("".join(c.delta.content or "" for c in mine) == choice.message.content, "the pieces of each choice")
        tokens = [token for c in mine if c.logprobs for token in c.logprobs.content]
        check(tokens == choice.logprobs.content, "with its log-probabilities")
    with client.chat.completions.stream(model=MODEL, messages=MESSAGES, temperature=0, max_tokens=20) as events:
        events.until_done()
        final = events.current_completion_snapshot  # the final one is an error where an answer reaches its limit
    check(final.choices[0].message.content == text, "the client's own accumulator agrees")
    started = time.monotonic()
    for _ in range(3):
        pieces = ask(max_tokens=1500, extra_body={"ignore_eos": True}, stream=True)
        next(iter(pieces))
        pieces.close()
    check(ask(max_tokens=1).usage.completion_tokens == 1, "others are answered after clients left")
    check(time.monotonic() - started < 60, "and soon")

    async def leave():
        async with openai.AsyncOpenAI(base_url=client.base_url, api_key="none", max_retries=0) as hasty:
            options = dict(model=MODEL, messages=MESSAGES, max_tokens=1500, n=8, extra_body={"ignore_eos": True})
            await asyncio.wait_for(hasty.chat.completions.create(**options), 0.5)

    raises(TimeoutError, lambda: asyncio.run(leave()), "leaving before the answer")
    check(ask(max_tokens=20).choices[0].message.content == text, "and others are answered")


def completions(client):
    """Texts, ids, echo, log-probabilities of prompts."""
    ask = lambda **more: client.completions.create(model=MODEL, temperature=0, **more)
    answer = ask(prompt="abc", max_tokens=4, echo=True, logprobs=2)
    logprobs = answer.choices[0].logprobs
    check(answer.choices[0].text.startswith("abc"), "the prompt is echoed")
    check(logprobs.token_logprobs[0] is None and all(p <= 0 for p in logprobs.token_logprobs[1:]), "its log-probabilities")
    check(logprobs.text_offset[:3] == [0, 1, 2], "offsets")
    several = ask(prompt=["abc", "abd"], max_tokens=3)
    alone = [ask(prompt=prompt, max_tokens=3).choices[0].text for prompt in ("abc", "abd")]
    check([c.text for c in several.choices] == alone, "several prompts")
    ids = ask(prompt=[67, 68, 69], max_tokens=3)
    check(ids.choices[0].text == alone[0], "ids")
    pieces = ask(prompt="abc", max_tokens=3, stream=True)
    check("".join(p.choices[0].text for p in pieces) == alone[0], "a stream")


def embeddings(client):
    """Vectors, which the client fetches as base64 by itself."""
    coded = client.embeddings.create(model=MODEL, input=["abc", "xyz"])
    plain = client.embeddings.create(model=MODEL, input=["abc", "xyz"], encoding_format="float")
    pairs = [pair for c, p in zip(coded.data, plain.data) for pair in zip(c.embedding, p.embedding)]
    check(len(pairs) > 0 and max(abs(a - b) for a, b in pairs) < 1e-6, "both encodings are the same numbers")
    check(abs(sum(x * x for x in plain.data[0].embedding) - 1) < 1e-5, "of length 1")


ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds two numbers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer", "enum": [1, 2, 3]}, "b": {"type": "boolean"}},
            "required": ["a", "b"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
NOW = {"type": "function", "function": {"name": "now"}}
TAKEN = {"add": ADD["function"]["parameters"], "now": {"type": "object", "maxProperties": 0}}


def calls_of(choice):
    """Names and arguments of the calls of an answer, which must be of `ADD` or `NOW`, fit, and have an id each."""
    calls = choice.message.tool_calls or []
    check(choice.finish_reason == "tool_calls" and len(calls) > 0, "calls end the answer")
    check(len({call.id for call in calls if call.id}) == len(calls) and {c.type for c in calls} == {"function"}, "each has an id")
    return [(call.function.name, fits(call.function.arguments, TAKEN[call.function.name])) for call in calls]


def told(pieces, index=0):
    """Content, calls and reason of a choice, put together by hand from the pieces of a stream."""
    content, calls, reason = "", [], None
    for choice in (choice for piece in pieces for choice in piece.choices if choice.index == index):
        content += choice.delta.content or ""
        for call in choice.delta.tool_calls or []:
            if call.index == len(calls):
                calls.append([call.function.name, ""])
            calls[call.index][1] += call.function.arguments or ""
        reason = choice.finish_reason or reason
    return content, [tuple(call) for call in calls], reason


def whole(choice):
    """The same of an answer that is told at once."""
    calls = [(call.function.name, call.function.arguments) for call in choice.message.tool_calls or []]
    return choice.message.content or "", calls, choice.finish_reason


def tools(client, opener, brace):
    """Calls: forced, free, forbidden, streamed, and answered. `opener` is the token that opens one, `brace` begins it."""
    ask = lambda **more: client.chat.completions.create(
        **{"model": MODEL, "messages": MESSAGES, "tools": [ADD, NOW], "temperature": 1, "seed": 3, **more}
    )
    named = {"type": "function", "function": {"name": "add"}}
    choice = ask(tool_choice=named).choices[0]
    ((name, arguments),) = calls_of(choice)
    check(name == "add" and choice.message.content is None, "the one that was named, and nothing else")
    once = [ask(tool_choice="required", parallel_tool_calls=False, seed=seed).choices[0] for seed in range(8)]
    check({tuple(name for name, _ in calls_of(choice)) for choice in once} == {("add",), ("now",)}, "one, each in its turn")
    several = ask(tool_choice="required", n=8)
    check(max(len(calls_of(choice)) for choice in several.choices) > 1, "several calls in an answer")
    pieces = list(ask(tool_choice="required", n=8, stream=True))
    check([told(pieces, c.index) for c in several.choices] == [whole(c) for c in several.choices], "the pieces of each choice")
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "now"}}]}}
    only = calls_of(ask(tool_choice=allowed, parallel_tool_calls=False).choices[0])
    check(only == [("now", {})], "the only one that is allowed")

    opens = {"logit_bias": {str(opener): 100, str(brace): 50}}
    plain = client.chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=3, **opens).choices[0]
    check(whole(plain) == (OPENS * 3, [], "length"), "where there are no tools there is no call")
    forbidden = ask(tool_choice="none", max_tokens=20, **opens).choices[0]
    check(not forbidden.message.tool_calls and forbidden.finish_reason != "tool_calls", "none is none, even for a model that calls")
    free = ask(n=4, **opens)
    check(all(calls_of(choice) and not choice.message.content for choice in free.choices), "auto, by a model that calls")
    pieces = list(ask(n=4, **opens, stream=True))
    check([told(pieces, c.index) for c in free.choices] == [whole(c) for c in free.choices], "and in pieces")
    text = ask(max_tokens=20, logit_bias={str(opener): -100}).choices[0]
    check(len(text.message.content) > 0 and not text.message.tool_calls, "auto, by one that does not")
    wanted = {**allowed, "allowed_tools": {**allowed["allowed_tools"], "mode": "auto"}}
    some = [calls_of(ask(tool_choice=wanted, seed=seed, **opens).choices[0]) for seed in range(4)]
    check({name for calls in some for name, _ in calls} == {"now"}, "auto among those that are allowed")

    with client.chat.completions.stream(
        model=MODEL, messages=MESSAGES, tools=[ADD, NOW], tool_choice=named, temperature=1, seed=3
    ) as events:
        final = events.get_final_completion().choices[0]
    check(whole(final) == whole(choice), "the client's own accumulator agrees")
    check(final.message.tool_calls[0].function.parsed_arguments == arguments, "and reads the same")
    result = {"role": "tool", "tool_call_id": choice.message.tool_calls[0].id, "content": "noon"}
    history = [*MESSAGES, choice.message.model_dump(exclude_none=True), result]
    address = str(client.base_url).removesuffix("/v1/")
    prompt = client.post(f"{address}/apply-template", body={"messages": history, "tools": [ADD, NOW]}, cast_to=object)["prompt"]
    check(prompt.index('"name": "add", "arguments": {"a": ') < prompt.index("<tool_response>\nnoon\n</tool_response>"), "its result is told")
    more = ask(messages=history, max_tokens=4).usage.prompt_tokens - ask(max_tokens=4).usage.prompt_tokens
    check(more > len("<tool_response>noon</tool_response>"), "and read: the vocabulary spells it letter by letter")
    unknown = {"type": "function", "function": {"name": "subtract"}}
    error = raises(openai.BadRequestError, lambda: ask(tool_choice=unknown), "a name that there is not")
    check(error.body["param"] == "tool_choice.function.name", "is named")
    odd = {"type": "function", "function": {"name": "odd", "parameters": {"type": "array"}}}
    error = raises(openai.BadRequestError, lambda: ask(tools=[ADD, odd]), "a schema that takes no object")
    check(error.body["param"] == "tools[1].function.parameters.type", "is named")


def structured(client):
    """Answers that are held to something: objects, schemas, classes, patterns, choices."""
    ask = lambda **more: client.chat.completions.create(
        **{"model": MODEL, "messages": MESSAGES, "temperature": 1, "seed": 3, "max_tokens": 120, **more}
    )
    raises(ValueError, lambda: json.loads(ask().choices[0].message.content), "by themselves random weights write no JSON")
    form = lambda schema, **more: {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, **more}}
    for strict in ({}, {"strict": True}, {"strict": False}):
        for temperature in (0, 1, 2):
            answer = ask(response_format=form(CITY, **strict), temperature=temperature, n=4)
            check(all(c.finish_reason == "stop" and fits(c.message.content) for c in answer.choices), "an object of the schema")
    check(len({choice.message.content for choice in answer.choices}) > 1, "not always the same")
    pieces = list(ask(response_format=form(CITY, strict=False), temperature=2, n=4, stream=True))
    check([told(pieces, c.index) for c in answer.choices] == [whole(c) for c in answer.choices], "and in pieces")
    logged = ask(response_format=form(CITY), logprobs=True).choices[0]
    text = b"".join(bytes(token.bytes) for token in logged.logprobs.content).decode()
    check(fits(text) == fits(logged.message.content), "with the log-probabilities of its tokens")
    cut = ask(response_format=form(CITY), stop=["size"]).choices[0]
    check(cut.message.content == text[: text.index("size")] and cut.finish_reason == "stop", "it ends before a stop string")
    for limit in (2, 3, 10, 60):
        answer = ask(response_format={"type": "json_object"}, max_tokens=limit, n=4)
        check(all(isinstance(json.loads(c.message.content), dict) for c in answer.choices), "an object, whole at any limit")
        check({c.finish_reason for c in answer.choices} == {"stop"} and answer.usage.completion_tokens <= 4 * limit, "and in time")
    error = raises(openai.BadRequestError, lambda: ask(response_format=form(CITY), max_tokens=8), "a limit below the shortest")
    least = int(re.search(r"takes (\d+)$", error.body["message"])[1])
    check(fits(ask(response_format=form(CITY), max_tokens=least).choices[0].message.content) is not None, "is told, and suffices")
    raises(openai.BadRequestError, lambda: ask(response_format=form(CITY), max_tokens=least - 1), "one less does not")

    held = dict(model=MODEL, messages=MESSAGES, response_format=City, temperature=1, seed=5)
    parsed = client.chat.completions.parse(**held).choices[0].message
    check(parsed.parsed.model_dump() == fits(parsed.content), "an object of a class")
    with client.chat.completions.stream(**held) as events:
        final = events.get_final_completion().choices[0].message
    check(final.content == parsed.content and final.parsed == parsed.parsed, "and in pieces")

    guided = lambda **more: ask(extra_body=more).choices[0].message.content
    check(re.fullmatch(r"[A-F]{3}-\d{2,4}", guided(guided_regex=r"[A-F]{3}-\d{2,4}")) is not None, "a text of a pattern")
    words = ["a tree", "a house", "a dog, barking"]
    chosen = {ask(extra_body={"guided_choice": words}, temperature=3, seed=seed).choices[0].message.content for seed in range(12)}
    check(len(chosen) > 1 and chosen <= set(words), "one of several texts")
    check(fits(guided(structured_outputs={"json": CITY})) is not None, "vLLM's word for a schema")
    check(fits(guided(json_schema=CITY)) is not None, "llama-server's")
    check(re.fullmatch("(ab){2,5}", guided(grammar='root ::= ("ab"){2,5}')) is not None, "a grammar in GBNF")
    check(re.fullmatch("x+y", guided(guided_grammar='start: "x"+ "y"')) is not None, "and in Lark")
    unique = {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}}
    error = raises(openai.BadRequestError, lambda: ask(response_format=form(unique)), "what no grammar can make sure of")
    check(error.code == "invalid_grammar" and "$.properties.a.uniqueItems" in error.body["message"], "is told with its place")
    both = lambda: ask(response_format=form(CITY), extra_body={"guided_regex": "a"})
    check(raises(openai.BadRequestError, both, "two wishes").body["param"] == "guided_regex", "are one too many")


def together(client):
    """The same request gets the same answer whatever runs beside it."""

    def ask(seed):
        answer = client.chat.completions.create(
            model=MODEL, messages=MESSAGES, temperature=3, seed=seed, max_tokens=24
        )
        return answer.choices[0].message.content

    alone = [ask(seed) for seed in range(6)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        check(list(pool.map(ask, list(range(6)) * 3)) == alone * 3, "eighteen at once")


def errors(client):
    """Errors are the client's own."""
    ask = lambda **more: client.chat.completions.create(**{"model": MODEL, "messages": MESSAGES, **more})
    error = raises(openai.BadRequestError, lambda: ask(temperature=-1), "a parameter out of range")
    check(error.body["param"] == "temperature", "is named")
    error = raises(openai.BadRequestError, lambda: ask(extra_body={"functions": [{"name": "f"}]}), "the older form of tools")
    check(error.code == "unsupported_parameter", "is refused as unsupported")
    long = [{"role": "user", "content": "1 " * 5000}]
    error = raises(openai.BadRequestError, lambda: ask(messages=long), "a prompt that is too long")
    check(error.code == "context_length_exceeded", "is refused as such")
    raises(openai.NotFoundError, lambda: client.models.retrieve("none"), "a model that is not there")
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=MESSAGES, max_tokens=1, extra_body={"temprature": 1}
    )
    check(raw.headers["x-ignored-params"] == "temprature", "unknown fields are named")
    check(raw.headers["x-request-id"].startswith("req_"), "requests have ids")


def main():
    subprocess.run([STAND_INS, str(WORK)], check=True)
    folder = WORK / "HuggingFaceTB"
    opening = opens_calls(folder / MODEL)
    with Server(SMOLLM, "-m", folder / MODEL) as server:
        client = openai.OpenAI(base_url=f"{server.address}/v1", api_key="none")  # which waits while the model is loaded
        check([m.id for m in client.models.list()] == [MODEL], "the list of models")
        for part in (chat, stream, completions, embeddings, structured, together, errors):
            part(client)
        tools(client, *opening)
        check(server.stop() == 0, "the server stops when it is told to")

    keys = WORK / "keys"
    keys.write_text("2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683  me\n")  # sha256 of `key`
    with Server(SMOLLM, "-m", folder, "--key-file", keys) as server:
        client = openai.OpenAI(base_url=f"{server.address}/v1", api_key="key")
        check(sorted(m.id for m in client.models.list()) == ["SmolLM2-135M", MODEL], "two models")
        unknown = lambda: client.completions.create(model="none", prompt="a")
        raises(openai.NotFoundError, unknown, "an unknown name")
        base = lambda: client.chat.completions.create(model="SmolLM2-135M", messages=MESSAGES)
        error = raises(openai.BadRequestError, base, "a base model does not chat")
        check(error.code == "no_chat_template", "and says why")
        stranger = openai.OpenAI(base_url=f"{server.address}/v1", api_key="wrong")
        raises(openai.AuthenticationError, stranger.models.list, "a wrong key")
    print(f"openai_check: {served.passed} checks passed with openai {openai.__version__}")


main()
