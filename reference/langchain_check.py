"""A tour of `smollm serve` with langchain-openai.

    python langchain_check.py WORK_FOLDER SMOLLM STAND_IN_MODELS

WORK_FOLDER is an empty folder for models, SMOLLM the binary, STAND_IN_MODELS the example of smollm-testkit that writes small models
with random weights. Needs langchain-openai and jsonschema. Exit code 0 and a last line "langchain_check: N checks passed", or a traceback.
"""

import asyncio
import importlib.metadata
import json
import os
import subprocess
import sys
from functools import reduce
from pathlib import Path
from typing import Literal

import openai
from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAI, OpenAIEmbeddings

import served
from judged import CITY, City, fits
from served import Server, check, raises

WORK, SMOLLM, STAND_INS = Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3]
MODEL = "SmolLM2-135M-Instruct"
SEEDS = range(5)
MESSAGES = [SystemMessage("Be brief."), HumanMessage("Say something.")]


def made(kind, server, **more):
    return kind(model=MODEL, base_url=f"{server.address}/v1", api_key="none", max_retries=0, **more)


def chat(server):
    """Whole answers: their data, several choices, seeds, log-probabilities, stop strings, earlier answers."""
    ask = lambda **more: made(ChatOpenAI, server, **{"max_tokens": 16, **more})
    answer = ask(temperature=0).invoke(MESSAGES)
    used = answer.usage_metadata
    check(used["total_tokens"] == used["input_tokens"] + used["output_tokens"], "usage adds up")
    check(answer.response_metadata["finish_reason"] in ("stop", "length"), "a reason")
    check(ask(temperature=0).invoke(MESSAGES).content == answer.content, "greedy answers repeat")
    several = lambda: [c.message.content for c in ask(temperature=2, seed=7, n=3).generate([MESSAGES]).generations[0]]
    check(len(set(several())) == 3, "three choices")
    check(several() == several(), "seeds repeat")
    logged = ask(temperature=0, logprobs=True, top_logprobs=3).invoke(MESSAGES)
    tokens = logged.response_metadata["logprobs"]["content"]
    check(len(tokens) == used["output_tokens"] and all(len(t["top_logprobs"]) == 3 for t in tokens), "log-probabilities")
    stop = answer.content[2:4]
    cut = ask(temperature=0).invoke(MESSAGES, stop=[stop])
    whole = answer.content
    check(len(stop) == 2 and cut.content == whole[: whole.index(stop)], "the answer ends before the stop string")
    check(cut.response_metadata["finish_reason"] == "stop", "and says why")
    further = ask(temperature=0).invoke([*MESSAGES, AIMessage("A tree."), HumanMessage([{"type": "text", "text": "More."}])])
    check(further.usage_metadata["input_tokens"] > used["input_tokens"], "a longer conversation")
    chain = ChatPromptTemplate([("system", "Be brief."), ("human", "Say {what}.")]) | ask(temperature=0)
    check(chain.invoke({"what": "something"}).content == answer.content, "the same by a chain")
    check([a.content for a in chain.batch([{"what": "something"}] * 6)] == [answer.content] * 6, "and six at once")


def stream(server):
    """Pieces, and leaving in the middle."""
    model = made(ChatOpenAI, server, temperature=0, max_tokens=24, stream_usage=True)
    whole = model.invoke(MESSAGES)
    pieces = list(model.stream(MESSAGES))
    total = pieces[0]
    for piece in pieces[1:]:
        total += piece
    check(len(pieces) > 2 and total.content == whole.content, "the pieces are the answer")
    check(total.usage_metadata["output_tokens"] == whole.usage_metadata["output_tokens"], "with their usage")
    check(total.response_metadata["finish_reason"] == whole.response_metadata["finish_reason"], "and the reason")
    endless = made(ChatOpenAI, server, temperature=0, max_tokens=1500, extra_body={"ignore_eos": True})
    for _ in range(3):
        pieces = endless.stream(MESSAGES)
        next(pieces)
        pieces.close()
    check(model.invoke(MESSAGES).content == whole.content, "others are answered after clients left")

    async def together():
        async def pieces():
            return "".join([piece.content async for piece in model.astream(MESSAGES)])

        return await asyncio.gather(*(pieces() for _ in range(6)))

    check(asyncio.run(together()) == [whole.content] * 6, "six streams at once")


def completions(server):
    """Texts."""
    model = made(OpenAI, server, temperature=0, max_tokens=8)
    alone = [model.invoke(prompt) for prompt in ("abc", "abd")]
    check(all(alone), "texts")
    generated = model.generate(["abc", "abd"])
    check([g[0].text for g in generated.generations] == alone, "several prompts")
    check(generated.llm_output["token_usage"]["completion_tokens"] > 0, "with their usage")
    check("".join(model.stream("abc")) == alone[0], "a stream")


def embeddings(server):
    """Vectors; their lengths are counted with a tokenizer of OpenAI's unless it is told not to."""
    model = OpenAIEmbeddings(
        model=MODEL, base_url=f"{server.address}/v1", api_key="none", check_embedding_ctx_length=False
    )
    first, second = model.embed_documents(["abc", "xyz"])
    check(abs(sum(x * x for x in first) - 1) < 1e-5 and first != second, "vectors of length 1")
    again = model.embed_query("abc")
    check(max(abs(a - b) for a, b in zip(first, again, strict=True)) < 1e-6, "a query is a text like others")


def errors(server):
    """Errors are those of openai."""
    error = raises(openai.BadRequestError, lambda: made(ChatOpenAI, server, temperature=-1).invoke(MESSAGES), "out of range")
    check(error.body["param"] == "temperature", "is named")
    model = made(ChatOpenAI, server, max_tokens=4)
    raises(ContextOverflowError, lambda: model.invoke("1 " * 5000), "a prompt that is too long is known as such")
    odd = [{"type": "function", "function": {"name": "f", "parameters": {"type": "array"}}}]
    error = raises(openai.BadRequestError, lambda: model.bind_tools(odd).invoke(MESSAGES), "a tool that takes no object")
    check(error.body["param"] == "tools[0].function.parameters.type", "is named")


def tools(server):
    """Tools of langchain: bound, called, and answered."""

    @tool
    def add(a: Literal[1, 2, 3], b: bool) -> str:
        """Adds two things."""
        return f"{a} and {b}"

    arguments = {"a": {"enum": [1, 2, 3]}, "b": {"type": "boolean"}}
    taken = {"type": "object", "properties": arguments, "required": ["a", "b"], "additionalProperties": False}
    for seed in SEEDS:
        model = made(ChatOpenAI, server, temperature=1, seed=seed).bind_tools([add], tool_choice="add")
        answer = model.invoke(MESSAGES)
        (call,) = answer.tool_calls
        check(call["name"] == "add" and not answer.invalid_tool_calls and answer.content == "", "a call and nothing else")
        result = add.invoke(call)
        check(fits(json.dumps(call["args"]), taken) and result.tool_call_id == call["id"] != "", "that fits is carried out")
        told = list(model.stream(MESSAGES))
        check("".join(p["args"] or "" for piece in told for p in piece.tool_call_chunks) != "", "it comes in pieces")
        pieces = reduce(lambda whole, piece: whole + piece, told)
        check([(c["name"], c["args"]) for c in pieces.tool_calls] == [("add", call["args"])], "which are the call")
    brief = made(ChatOpenAI, server, max_tokens=4).bind_tools([add])
    more = [brief.invoke(messages).usage_metadata["input_tokens"] for messages in (MESSAGES, [*MESSAGES, answer, result])]
    check(more[1] - more[0] > len(f"<tool_response>{result.content}</tool_response>"), "and its result is read")


def structured(server):
    """Objects by all ways that langchain knows, as classes and as schemas, whole and in pieces."""
    read = {
        "json_schema": lambda raw: raw.content,
        "function_calling": lambda raw: json.dumps(raw.tool_calls[0]["args"]),
        "json_mode": lambda raw: raw.content,
    }
    for method in ("json_schema", "function_calling"):
        for seed in SEEDS:
            model = made(ChatOpenAI, server, temperature=1, seed=seed, max_tokens=300)
            answer = model.with_structured_output(City, method=method, include_raw=True).invoke(MESSAGES)
            names = [call["name"] for call in answer["raw"].tool_calls]
            check(names == (["City"] if method == "function_calling" else []), f"{method}: a call only where one is asked for")
            check(fits(read[method](answer["raw"])) == answer["parsed"].model_dump(), f"{method}: what the model wrote")
            *_, last = model.with_structured_output(City, method=method).stream(MESSAGES)
            check(last == answer["parsed"], f"{method}: the same in pieces")
        titled = {"title": "City", "description": "A city.", **CITY}
        plain = model.with_structured_output(titled, method=method, include_raw=True).invoke(MESSAGES)
        check(fits(read[method](plain["raw"])) == plain["parsed"], f"{method}: of a schema")
    for seed in SEEDS:
        model = made(ChatOpenAI, server, temperature=1, seed=seed, max_tokens=60)
        answer = model.with_structured_output(method="json_mode", include_raw=True).invoke(MESSAGES)
        check(fits(answer["raw"].content, {"type": "object"}) == answer["parsed"], "json_mode: an object")


def main():
    os.environ["LANGSMITH_TRACING"] = "false"
    subprocess.run([STAND_INS, str(WORK)], check=True)
    with Server(SMOLLM, "-m", WORK / "HuggingFaceTB" / MODEL).ready() as server:
        for part in (chat, stream, completions, embeddings, errors, tools, structured):
            part(server)
    version = importlib.metadata.version("langchain-openai")
    print(f"langchain_check: {served.passed} checks passed with langchain-openai {version}")


main()
