"""A tour of `smollm serve` with instructor: objects by way of calls, whole, in pieces and several at once.

    python instructor_check.py WORK_FOLDER SMOLLM STAND_IN_MODELS

WORK_FOLDER is an empty folder for models, SMOLLM the binary, STAND_IN_MODELS the example of smollm-testkit that writes small models
with random weights. Needs instructor. Exit code 0 and a last line "instructor_check: N checks passed", or a traceback.
"""

import importlib.metadata
import subprocess
import sys
from pathlib import Path
from typing import Literal

import instructor
import openai
import pydantic

import served
from served import Server, check

WORK, SMOLLM, STAND_INS = Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3]
MODEL = "SmolLM2-135M-Instruct"
MESSAGES = [{"role": "user", "content": "Name a city."}]


class City(pydantic.BaseModel):
    """A city."""

    coast: bool
    size: Literal["small", "large"]


def objects(client):
    """An object, whole and in pieces."""
    ask = dict(model=MODEL, messages=MESSAGES, temperature=1, seed=5, max_tokens=300)
    city = client.chat.completions.create(response_model=City, max_retries=0, **ask)
    check(isinstance(city, City), "an object")
    again = client.chat.completions.create(response_model=City, max_retries=0, **ask)
    check(again.model_dump() == city.model_dump(), "seeds repeat")
    *_, last = client.chat.completions.create_partial(response_model=City, **ask)
    values = ({None, True, False}, {None, "small", "large"})  # its schema then asks for nothing
    check(last.coast in values[0] and last.size in values[1], "an object in pieces")


def main():
    subprocess.run([STAND_INS, str(WORK)], check=True)
    with Server(SMOLLM, "-m", WORK / "HuggingFaceTB" / MODEL).ready() as server:
        plain = openai.OpenAI(base_url=f"{server.address}/v1", api_key="none", max_retries=0)
        for mode in (instructor.Mode.TOOLS, instructor.Mode.TOOLS_STRICT):
            objects(instructor.from_openai(plain, mode=mode))
        check(server.stop() == 0, "the server stops when it is told to")
    version = importlib.metadata.version("instructor")
    print(f"instructor_check: {served.passed} checks passed with instructor {version}")


main()
