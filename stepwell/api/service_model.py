"""AWS's service model of Step Functions, as the file `service-2.json` beside this module tells it.

Rules that must stay true here:
- The file is AWS's; nothing is added to it or changed in it by hand (`tools/strip_service_model.py` makes it).
- It is read once, when this module is first imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

import orjson

MODEL: Final[Mapping[str, Any]] = orjson.loads(files("stepwell.api").joinpath("service-2.json").read_bytes())

Shape = Mapping[str, Any]
"""A shape as the model writes it: `type`, `members`, `required`, `min`, `max`, `pattern`, `enum`, `sensitive`, …"""

SHAPES: Final[Mapping[str, Shape]] = MODEL["shapes"]
TARGET_PREFIX: Final[str] = MODEL["metadata"]["targetPrefix"]
INPUTS: Final[Mapping[str, str]] = {name: found["input"]["shape"] for name, found in MODEL["operations"].items()}
"""The name of each operation's input shape."""


def member_shape(structure: str, member: str) -> str:
    """The name of the shape that a member of a structure has."""
    name: str = SHAPES[structure]["members"][member]["shape"]
    return name
