"""Python functions for `tool_schema_golden.py`: what a signature and a docstring may hold, as sources of small files.

CASES has (name, source, function): the function's name may be `Class.method`.
"""

IMPORTS = """\
import enum
import typing
import typing as t
from collections.abc import Callable, Sequence
from enum import Enum, IntEnum, StrEnum, auto
from typing import Annotated, Any, Dict, List, Literal, Optional, Tuple, Union
"""

# One argument each; the result is whatever transformers makes of the hint.
HINTS = [
    # basic types
    "int", "float", "str", "bool", "None", "Any", "typing.Any", "object", "bytes", "complex", "set", "type",
    # lists, tuples, objects
    "list", "List", "list[int]", "List[str]", "t.List[float]", "list[list[int]]", "list[Any]", "list[int | None]",
    "list['int']", "list[int, str]", "List[int, str]", "list[Callable]", "set[int]", "Sequence[int]",
    "tuple", "Tuple", "tuple[int, str]", "Tuple[float, List[int]]", "tuple[int]", "tuple[int, ...]", "tuple[()]",
    "dict", "Dict", "dict[str, int]", "Dict[str, Any]", "dict[str, list[dict[str, float]]]", "dict[int, str]", "dict[str]",
    # unions
    "Optional[int]", "Optional[list[str]]", "Optional[Any]", "Optional[None]", "typing.Optional[str]", "int | None",
    "None | str", "int | str", "str | int | float", "Union[int, str]", "Union[int, str, None]", "Union[int]",
    "Union[int, int]", "Union[int, Union[str, None]]", "Union[list, tuple]", "Union[list[int], str]", "Union[int, Any]",
    "list[int] | dict[str, int] | None", "Optional[Union[int, float]]", "Union[int, list[str], None]", "Optional[Callable]",
    "Union[Literal['a'], int]", "Optional[Literal['a', 'b']]", "bool | Literal[3]", "Union[list, List[int]]",
    # values
    "Literal['a', 'b']", "Literal[1, 2]", "Literal['a', 1, None, True]", "Literal[True, 1]", "Literal[-3, +2]",
    "Literal[1.5]", "Literal['a', 'a']", "Literal[Literal['a', 'b'], 'c']", "Literal[b'a']", "Literal[()]", "Literal",
    "Literal['é', '\\n', \"it's\"]", "Literal[None]", "Literal[Enum]", "Literal[9007199254740993]",
    # wrapped and quoted
    "Annotated[int, 'metres']", "list[Annotated[Optional[int], 3]]", "'int'", "'Optional[int]'", "Optional['int']",
    "'list[int'",
    # what has no schema
    "Callable", "Callable[[int], str]", "Missing", "missing.Type", "int()", "[int]", "typing", "Union", "Optional",
    "typing.Iterable[int]", "typing.NamedTuple", "Ellipsis", "...",
]

# Of files with more than a function: a name, and the file.
SOURCES = {
    "the card's tools": '''\
import random
from datetime import datetime

def get_random_number_between(min: int, max: int) -> int:
    """
    Gets a random number between min and max.

    Args:
        min: The minimum number.
        max: The maximum number.

    Returns:
        A random number between min and max.
    """
    return random.randint(min, max)
''',
    "the card's time": '''\
from datetime import datetime

def get_current_time() -> str:
    """This will return the current time in HH:MM:SS format.

    Returns:
        str: Current time in HH:MM:SS format.
    """
    return datetime.now().strftime("%H:%M:%S")
''',
    "defaults": '''\
from typing import Optional

def f(a: int, b: int = 3, c: Optional[str] = None, d: Optional[int] = 4, *, e: float, g: bool = True):
    """
    D.

    Args:
        a: A
        b: B
        c: C
        d: D
        e: E
        g: G
    """
''',
    "optional without default": '''\
from typing import Optional

def f(a: Optional[int]):
    """D.

    Args:
        a: A
    """
''',
    "no parameters": 'def f():\n    """D."""\n',
    "all have defaults": 'def f(a: int = 1):\n    """D.\n\n    Args:\n        a: A\n    """\n',
    "positional only": 'def f(a: int, /, *, b: int = 2):\n    """D.\n\n    Args:\n        a: A\n        b: B\n    """\n',
    "any number": 'def f(*args: int, **kwargs: str):\n    """D.\n\n    Args:\n        args: A\n        kwargs: B\n    """\n',
    "async": 'async def f(a: int) -> str:\n    """D.\n\n    Args:\n        a: A\n    """\n',
    "decorated": '''\
import functools

def traced(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)
    return inner

@traced
def f(a: int) -> str:
    """D.

    Args:
        a: A
    """
''',
    "future annotations": '''\
from __future__ import annotations
from typing import Optional

def f(a: int | None, b: "Optional[str]") -> list[int]:
    """D.

    Args:
        a: A
        b: B
    """
''',
    "aliases": '''\
from typing import Literal, TypeAlias, Union

Number = Union[int, float]
Unit: TypeAlias = Literal["m", "km"]
Pair = tuple[Number, "Unit"]

def f(a: Number, b: Unit, c: Pair, d: list[Unit], e: Literal[Unit, "mi"]):
    """D.

    Args:
        a: A
        b: B
        c: C
        d: D
        e: E
    """
''',
    "own names for imports": '''\
import typing as ty
from typing import List as L, Optional as Maybe

def f(a: L[int], b: Maybe[str], c: ty.Union[int, str]):
    """D.

    Args:
        a: A
        b: B
        c: C
    """
''',
    "everything of typing": 'from typing import *\n\ndef f(a: Optional[List[int]]):\n    """D.\n\n    Args:\n        a: A\n    """\n',
    "typing_extensions": 'from typing_extensions import Literal\n\ndef f(a: Literal["x"]):\n    """D.\n\n    Args:\n        a: A\n    """\n',
    "a name of typing without import": 'def f(a: "Optional[int]"):\n    """D.\n\n    Args:\n        a: A\n    """\n',
    "no docstring": "def f(a: int):\n    pass\n",
    "empty docstring": 'def f(a: int):\n    """   """\n',
    "docstring that is computed": 'def f(a: int):\n    f"""D.\n\n    Args:\n        a: A\n    """\n',
    "docstring of two parts": "def f(a: int):\n    'D.\\n\\n' 'Args:\\n  a: A'\n",
    "raw docstring": 'def f(a: int):\n    r"""D \\d.\n\n    Args:\n        a: A\\n\n    """\n',
    "no Args": 'def f(a: int):\n    """D."""\n',
    "an argument without description": 'def f(a: int, b: int):\n    """D.\n\n    Args:\n        a: A\n    """\n',
    "an argument without hint": 'def f(a, b: int):\n    """D.\n\n    Args:\n        a: A\n        b: B\n    """\n',
    "a description too many": 'def f(a: int):\n    """D.\n\n    Args:\n        a: A\n        b: B\n    """\n',
    "a keyword argument without hint": 'def f(*, a=3):\n    """D.\n\n    Args:\n        a: A\n    """\n',
    "a star without hint": 'def f(*args):\n    """D.\n\n    Args:\n        args: A\n    """\n',
    "types in the docstring": '''\
def f(a: int, b: str = "x", c: list[int] = []):
    """D.

    Args:
        a (int): A
        b (`str`, *optional*, defaults to "x"): B
        c (list[int]): C
        d (f(x)): D
    """
''',
    "space before the colon": 'def f(a: int):\n    """D.\n\n    Args:\n        a (int) : A\n    """\n',
    "several lines": '''\
def f(a: int, b: str, c: float):
    """
    Does one thing
    and another.

      With more.

    Args:
        a: one
            two: not an argument

            three
        b: one
          two
        c:
            on the next line
    """
''',
    "a description on its own line, then another argument": '''\
def f(a: int, b: str):
    """D.

    Args:
        a:
        b: B
    """
''',
    "less indented": '''\
def f(a: int, b: str):
    """D.

    Args:
      a: A
     b: B
    """
''',
    "tabs": "def f(a: int, b: str):\n\t\"\"\"D.\n\n\tArgs:\n\t\ta: A\n\t\t\tmore\n\t\tb: B\n\t\"\"\"\n",
    "a line before the first argument": '''\
def f(a: int):
    """D.

    Args:
        These are
        a: A
    """
''',
    "Returns before Args": '''\
def f(a: int) -> int:
    """D.

    Returns:
        R

    Args:
        a: A
    """
''',
    "Raises": '''\
def f(a: int) -> int:
    """D.

    Args:
        a: A

    Returns:
        R
          more

        and more

    Raises:
        ValueError: V
    """
''',
    "Raises right behind": 'def f(a: int) -> int:\n    """D.\n\n    Raises:\n        V: v\n    Args:\n        a: A\n    """\n',
    "sections without description": 'def f(a: int) -> int:\n    """\n    Args:\n        a: A\n    """\n',
    "words of sections in sentences": '''\
def f(a: int, b: int) -> int:
    """Takes Args: no.

    Args:
        a: what Returns: gives
        b: B
    """
''',
    "Arguments": 'def f(a: int):\n    """D.\n\n    Arguments:\n        a: A\n    """\n',
    "Args on the first line": 'def f(a: int):\n    """Args:\n        a: A\n    """\n',
    "Args with space behind": 'def f(a: int):\n    """D.\n\n    Args: \n        a: A\n    """\n',
    "twice the same argument": 'def f(a: int):\n    """D.\n\n    Args:\n        a: A\n        a: B\n    """\n',
    "an argument with stars": 'def f(*args: int):\n    """D.\n\n    Args:\n        *args: A\n    """\n',
    "letters of others": 'def f(größe: int, 値: str):\n    """Größe 😀.\n\n    Args:\n        größe: é\\u00e9\n        値: 値段\n    """\n',
    "space of others": "def f(a: int):\n    '''D\\u00a0\n\n    Args:\n        a:\\u3000A\\x1c\n    '''\n",
    "carriage returns": 'def f(a: int):\r\n    """D.\r\n\r\n    Args:\r\n        a: A\r\n            more\r\n    """\r\n',
    "choices": '''\
from typing import Literal

def f(a: str, b: int, c: str, d: Literal["x", "y"], e: list[str], g: str):
    """D.

    Args:
        a: A (choices: ["tea", " coffee "])
        b: B (Choices:[1, 2.5, null, true])
        c: C (choices: ["x"]) more
        d: D (choices: ["x"])
        e: (choices: [])
        g: G
           (choices: ["a",
           "b)"])
    """
''',
    "choices that are no JSON": "def f(a: str):\n    \"\"\"D.\n\n    Args:\n        a: A (choices: ['tea'])\n    \"\"\"\n",
    "choices twice": 'def f(a: str):\n    """D.\n\n    Args:\n        a: A (choices: [1]) (choices: [2])\n    """\n',
    "return without text": 'def f() -> dict[str, int]:\n    """D."""\n',
    "return of None": 'def f() -> None:\n    """D.\n\n    Returns:\n        Nothing\n    """\n',
    "return without schema": 'def f() -> object:\n    """D.\n\n    Returns:\n        O\n    """\n',
    "return without hint": 'def f():\n    """D.\n\n    Returns:\n        O\n    """\n',
    "a method": 'class C:\n    def f(self, a: int):\n        """D.\n\n        Args:\n            a: A\n        """\n',
    "a class method": 'class C:\n    @classmethod\n    def f(kind, a: int):\n        """D.\n\n        Args:\n            a: A\n        """\n',
    "a static method": 'class C:\n    @staticmethod\n    def f(a: int):\n        """D.\n\n        Args:\n            a: A\n        """\n',
    "self with a hint": 'def f(self: int):\n    """D.\n\n    Args:\n        self: A\n    """\n',
    "self in second place": 'def f(a: int, self):\n    """D.\n\n    Args:\n        a: A\n        self: B\n    """\n',
    "a class without schema": 'class Point:\n    x: int\n\ndef f(a: Point):\n    """D.\n\n    Args:\n        a: A\n    """\n',
    "the later definition": 'def f():\n    """One."""\n\ndef f():\n    """Two."""\n',
    "imports under a condition": '''\
import sys

if sys.version_info >= (3, 5):
    from typing import Optional
else:
    Optional = None

try:
    from typing import Literal
except ImportError:
    Literal = None

def f(a: Optional[Literal["x"]]):
    """D.

    Args:
        a: A
    """
''',
    "images and sound": '''\
import PIL.Image
import torch
from PIL import Image
from PIL.Image import Image as Picture
from torch import Tensor

def f(a: Image.Image, b: Picture, c: torch.Tensor, d: Tensor | None, e: list[PIL.Image.Image]) -> Image.Image:
    """D.

    Args:
        a: A
        b: B
        c: C
        d: D
        e: E
    """
''',
    "enums": '''\
import enum
from enum import Enum, IntEnum, StrEnum, auto

class Color(Enum):
    """Colours."""

    RED = "red"
    GREEN = 2
    BLUE: float = 1.5
    CRIMSON = "red"

    def shown(self):
        return self.name

class Size(IntEnum):
    SMALL = 1
    LARGE = auto()

class Kind(StrEnum):
    One = auto()
    Two = "two"

class Text(str, enum.Enum):
    A = "a"

class Empty(Enum):
    pass

class Mixed(Enum):
    YES = True
    ONE = 1
    NONE = None

class Base(Enum):
    def shown(self):
        return self.name

class Derived(Base):
    A = auto()
    B = auto()

def f(a: Color, b: Size, c: Kind, d: Text, e: Color | None, g: list[Size], h: Mixed, i: Derived = Derived.A):
    """D.

    Args:
        a: A
        b: B
        c: C
        d: D
        e: E
        g: G
        h: H
        i: I
    """
''',
    "an enum without members": 'from enum import Enum\n\nclass E(Enum):\n    pass\n\ndef f(a: E):\n    """D.\n\n    Args:\n        a: A\n    """\n',
    "an enum of tuples": 'from enum import Enum\n\nclass E(Enum):\n    A = (1, 2)\n\ndef f(a: E):\n    """D.\n\n    Args:\n        a: A\n    """\n',
    "a type statement's name": 'from typing import NewType\n\nN = NewType("N", int)\n\ndef f(a: N):\n    """D.\n\n    Args:\n        a: A\n    """\n',
    "no Python": "def f(:\n",
}


def hinted(hint):
    return f'{IMPORTS}\ndef f(x: {hint}) -> {hint}:\n    """D.\n\n    Args:\n        x: X\n    """\n'


METHODS = {"a method", "a class method", "a static method"}
FUNCTIONS = {"the card's tools": "get_random_number_between", "the card's time": "get_current_time"}
CASES = [(f"hint {hint}", hinted(hint), "f") for hint in HINTS]
CASES += [(name, source, FUNCTIONS.get(name, "C.f" if name in METHODS else "f")) for name, source in SOURCES.items()]
