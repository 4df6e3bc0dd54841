"""A tour of `smollm serve` with the Python openai client.

    python openai_check.py WORK_FOLDER SMOLLM STAND_IN_MODELS

WORK_FOLDER is an empty folder for models, SMOLLM the binary, STAND_IN_MODELS the example of smollm-testkit that writes small models
with random weights. Needs openai. Exit code 0 and a last line "openai_check: N checks passed", or a traceback.
"""

import asyncio
import concurrent.futures
import json
import subprocess
import sys
import time
from pathlib import Path

import openai

import served
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


def tools(client):
    """Calls: forced, free, forbidden, streamed, and answered."""
    ask = lambda **more: client.chat.completions.create(
        **{"model": MODEL, "messages": MESSAGES, "tools": [ADD, NOW], "temperature": 1, "seed": 3, **more}
    )
    named = {"type": "function", "function": {"name": "add"}}
    choice = ask(tool_choice=named).choices[0]
    check(choice.finish_reason == "tool_calls" and choice.message.content is None, "a call and nothing else")
    (call,) = choice.message.tool_calls
    arguments = json.loads(call.function.arguments)
    check(call.function.name == "add" and call.type == "function" and call.id, "the one that was named")
    check(arguments["a"] in (1, 2, 3) and arguments["b"] in (True, False) and len(arguments) == 2, "with arguments that fit")
    once = ask(tool_choice="required", parallel_tool_calls=False).choices[0].message.tool_calls
    check(len(once) == 1 and once[0].function.name in ("add", "now"), "one of them")
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "now"}}]}}
    only = ask(tool_choice=allowed, parallel_tool_calls=False).choices[0].message.tool_calls
    check([(c.function.name, c.function.arguments) for c in only] == [("now", "{}")], "the only one that is allowed")
    check(ask(tool_choice="none", max_tokens=20).choices[0].message.tool_calls is None, "none is none")
    check(ask(max_tokens=20).choices[0].message.role == "assistant", "auto is answered")
    with client.chat.completions.stream(
        model=MODEL, messages=MESSAGES, tools=[ADD, NOW], tool_choice=named, temperature=1, seed=3
    ) as events:
        final = events.get_final_completion().choices[0]
    (streamed,) = final.message.tool_calls
    check(streamed.function.arguments == call.function.arguments, "the pieces are the call")
    check(streamed.function.parsed_arguments == arguments and final.finish_reason == "tool_calls", "as the client reads it")
    history = [*MESSAGES, choice.message.model_dump(exclude_none=True), {"role": "tool", "tool_call_id": call.id, "content": "4"}]
    check(ask(messages=history, max_tokens=4).usage.prompt_tokens > ask(max_tokens=4).usage.prompt_tokens, "its result is read")
    unknown = {"type": "function", "function": {"name": "subtract"}}
    error = raises(openai.BadRequestError, lambda: ask(tool_choice=unknown), "a name that there is not")
    check(error.body["param"] == "tool_choice.function.name", "is named")
    odd = {"type": "function", "function": {"name": "odd", "parameters": {"type": "array"}}}
    error = raises(openai.BadRequestError, lambda: ask(tools=[ADD, odd]), "a schema that takes no object")
    check(error.body["param"] == "tools[1].function.parameters.type", "is named")


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
    with Server(SMOLLM, "-m", folder / MODEL) as server:
        client = openai.OpenAI(base_url=f"{server.address}/v1", api_key="none")  # which waits while the model is loaded
        check([m.id for m in client.models.list()] == [MODEL], "the list of models")
        for part in (chat, stream, completions, embeddings, tools, together, errors):
            part(client)
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
