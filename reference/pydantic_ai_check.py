"""A tour of `smollm serve` with pydantic-ai: agents whose tools are called, and whose output is an object, by all ways that there are.

    python pydantic_ai_check.py WORK_FOLDER SMOLLM STAND_IN_MODELS

WORK_FOLDER is an empty folder for models, SMOLLM the binary, STAND_IN_MODELS the example of smollm-testkit that writes small models
with random weights. What pydantic-ai reads is held against the answers themselves. Needs pydantic-ai-slim[openai] and jsonschema. Exit code
0 and a last line "pydantic_ai_check: N checks passed", or a traceback.
"""

import asyncio
import importlib.metadata
import subprocess
import sys
from pathlib import Path
from typing import Literal

from pydantic_ai import Agent, NativeOutput, PromptedOutput
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

import served
from judged import City, Note, fits, made_for
from served import Server, check

WORK, SMOLLM, STAND_INS = Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3]
MODEL = "SmolLM2-135M-Instruct"
SETTINGS = {"temperature": 1.0, "seed": 5, "max_tokens": 300}
QUESTION = "Name a city."
SEEDS = range(5)
CONTEXT = 16384


def model(server):
    return OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=f"{server.address}/v1", api_key="none"))


def said(result, kind):
    """The parts of this kind in a conversation that was one question and one answer."""
    answers = [message for message in result.all_messages() if isinstance(message, ModelResponse)]
    check(len(answers) == 1, "the first answer is taken")
    return [part for part in answers[0].parts if isinstance(part, kind)]


def output(server):
    """An object as the output: by a call of the tool that stands for it, and by its schema; whole and in pieces."""
    ways = {
        "tool": (City, lambda result: [(c.tool_name, c.args_as_json_str()) for c in said(result, ToolCallPart)]),
        "native": (NativeOutput(City), lambda result: [("final_result", part.content) for part in said(result, TextPart)]),
    }

    async def pieces(agent, settings):
        async with agent.run_stream(QUESTION, model_settings=settings) as result:
            return await result.get_output(), result.all_messages()

    for way, (kind, texts) in ways.items():
        agent = Agent(model(server), output_type=kind, model_settings=SETTINGS, instructions="Be brief.", retries=0)
        for seed in SEEDS:
            settings = {**SETTINGS, "seed": seed}
            result = agent.run_sync(QUESTION, model_settings=settings)
            ((name, text), *_) = texts(result)
            check(name == "final_result" and fits(text) == result.output.model_dump(), f"{way}: what the model wrote")
            streamed, messages = asyncio.run(pieces(agent, settings))
            check(streamed == result.output, f"{way}: the same in pieces")


def prompted(server):
    """An object of which the model is told in words: any JSON object comes."""
    agent = Agent(model(server), output_type=PromptedOutput(Note), retries=0)
    for seed in SEEDS:
        result = agent.run_sync(QUESTION, model_settings={**SETTINGS, "seed": seed, "max_tokens": 60})
        (part,) = said(result, TextPart)
        check(fits(part.content, {"type": "object"}).get("text") == result.output.text, "an object")


COUNTRY = {
    "type": "object",
    "properties": {"country": {"enum": ["France", "Chad"]}},
    "required": ["country"],
    "additionalProperties": False,
}


def tools(server):
    """A tool beside the output: it is called, and what it says of each call goes back in."""
    agent = Agent(model(server), output_type=City, model_settings=SETTINGS, retries=0)
    asked = []

    @agent.tool_plain
    def coast(country: Literal["France", "Chad"]) -> bool:
        """Whether a country has a coast."""
        asked.append(country)
        return country == "France"

    called = []
    for seed in range(40):
        asked.clear()
        result = agent.run_sync(QUESTION, model_settings={**SETTINGS, "seed": seed, "max_tokens": 1000})
        parts = [part for message in result.all_messages() for part in message.parts]
        calls = {part.tool_call_id: part for part in parts if isinstance(part, ToolCallPart) and part.tool_name == "coast"}
        results = [part for part in parts if isinstance(part, ToolReturnPart) and part.tool_name == "coast"]
        results = [part for part in results if isinstance(part.content, bool)]  # not called: those beside the output
        countries = [fits(calls[part.tool_call_id].args_as_json_str(), COUNTRY)["country"] for part in results]
        check(sorted(countries) == sorted(asked), "it is called with what the model wrote")
        check([part.content for part in results] == [country == "France" for country in countries], "and its results are told")
        called += asked
        if {"France", "Chad"} <= set(called):
            break
    check({"France", "Chad"} == set(called), "the model calls it in all ways that there are")


def main():
    subprocess.run([STAND_INS, str(WORK)], check=True)
    folder = WORK / "HuggingFaceTB" / MODEL
    made_for(folder, CONTEXT)
    with Server(SMOLLM, "-m", folder, "--ctx", CONTEXT).ready() as server:
        for part in (output, prompted, tools):
            part(server)
        check(server.stop() == 0, "the server stops when it is told to")
    version = importlib.metadata.version("pydantic-ai-slim")
    print(f"pydantic_ai_check: {served.passed} checks passed with pydantic-ai {version}")


main()
