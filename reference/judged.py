"""What tours hold objects to: a schema written by hand and Python's jsonschema, whatever the client has validated; and models that call.

Needs jsonschema and pydantic.
"""

import json
from typing import Literal

import jsonschema
import pydantic

CITY = {
    "type": "object",
    "properties": {
        "coast": {"type": "boolean"},
        "size": {"enum": ["small", "large"]},
        "rank": {"type": "integer", "minimum": 1, "maximum": 99},
    },
    "required": ["coast", "size", "rank"],
    "additionalProperties": False,
}


class City(pydantic.BaseModel):
    """A city."""

    model_config = pydantic.ConfigDict(extra="forbid")
    coast: bool
    size: Literal["small", "large"]
    rank: int = pydantic.Field(ge=1, le=99)


class Note(pydantic.BaseModel):
    """What any JSON object is, for clients that say in words what they want."""

    text: str | int | float | bool | list | dict | None = None


def fits(text, schema=CITY):
    """The value of a JSON text, which must fit the schema."""
    value = json.loads(text)
    jsonschema.Draft202012Validator(schema).validate(value)
    return value


OPENS = "<tool_call>"


def opens_calls(folder, spare="AV"):
    """Gives a stand-in model a token that opens a call, in the place of one that is spared, so that a bias makes random weights call.

    Returns the ids of that token and of `{`, which begins the first call of a list.
    """
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    model = tokenizer["model"]
    model["vocab"] = {OPENS if token == spare else token: index for token, index in model["vocab"].items()}
    model["merges"] = [merge for merge in model["merges"] if "".join(merge.split() if isinstance(merge, str) else merge) != spare]
    path.write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")
    return model["vocab"][OPENS], model["vocab"]["{"]


def made_for(folder, context):
    """Lets a stand-in model have a longer context: its vocabulary spells most words letter by letter."""
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["max_position_embeddings"] = context
    path.write_text(json.dumps(config), encoding="utf-8")
