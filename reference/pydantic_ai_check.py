"""A tour of `smollm serve` with pydantic-ai: agents whose tools are called, and whose output is an object.

    python pydantic_ai_check.py WORK_FOLDER SMOLLM STAND_IN_MODELS

WORK_FOLDER is an empty folder for models, SMOLLM the binary, STAND_IN_MODELS the example of smollm-testkit that writes small models
with random weights. Needs pydantic-ai-slim[openai]. Exit code 0 and a last line "pydantic_ai_check: N checks passed", or a traceback.
"""

import asyncio
import importlib.metadata
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pydantic
from pydantic_ai import Agent
from pydantic_ai.messages import ToolCallPart, ToolReturnPart
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

import served
from served import Server, check

WORK, SMOLLM, STAND_INS = Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3]
MODEL = "SmolLM2-135M-Instruct"
SETTINGS = {"temperature": 1.0, "seed": 5, "max_tokens": 300}


class City(pydantic.BaseModel):
    """A city."""

    coast: bool
    size: Literal["small", "large"]


def model(server):
    return OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=f"{server.address}/v1", api_key="none"))


def output(server):
    """An object as the output: the model must call the tool that stands for it."""
    agent = Agent(model(server), output_type=City, model_settings=SETTINGS, instructions="Be brief.")
    result = agent.run_sync("Name a city.")
    check(isinstance(result.output, City), "an object")
    calls = [part for message in result.all_messages() for part in message.parts if isinstance(part, ToolCallPart)]
    check([City.model_validate(call.args_as_dict()) for call in calls[-1:]] == [result.output], "by way of a call")


def tools(server):
    """A tool beside the output: it may be called, and its result goes back in."""
    agent = Agent(model(server), output_type=City, model_settings=SETTINGS, retries=4)
    asked = []

    @agent.tool_plain
    def coast(country: Literal["France", "Chad"]) -> bool:
        """Whether a country has a coast."""
        asked.append(country)
        return country == "France"

    called = False
    for seed in range(40):
        result = agent.run_sync("Name a city.", model_settings={**SETTINGS, "seed": seed})
        check(isinstance(result.output, City), "an object")
        parts = [part for message in result.all_messages() for part in message.parts]
        results = [part for part in parts if isinstance(part, ToolReturnPart) and part.tool_name == "coast"]
        if results:
            called = True
            break
    check(called and set(asked) <= {"France", "Chad"}, "the tool was called with what it takes")


def stream(server):
    """The same in pieces."""

    async def run():
        agent = Agent(model(server), output_type=City, model_settings=SETTINGS)
        async with agent.run_stream("Name a city.") as result:
            return await result.get_output()

    check(isinstance(asyncio.run(run()), City), "an object in pieces")


def main():
    subprocess.run([STAND_INS, str(WORK)], check=True)
    with Server(SMOLLM, "-m", WORK / "HuggingFaceTB" / MODEL).ready() as server:
        for part in (output, tools, stream):
            part(server)
        check(server.stop() == 0, "the server stops when it is told to")
    version = importlib.metadata.version("pydantic-ai-slim")
    print(f"pydantic_ai_check: {served.passed} checks passed with pydantic-ai {version}")


main()
