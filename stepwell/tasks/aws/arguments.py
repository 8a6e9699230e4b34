"""A task's parameters as the arguments of a service's operation.

Rules that must stay true here:
- Names are those of Step Functions (`names`); the keys of maps are data and stay as they are.
- What has the wrong type, is unknown or missing is told at once, all of it; every other check is for the service.
- A null is a member that is not there; the service judges it (recorded: PutItem without an Item).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from datetime import datetime
from typing import TypeAlias

from stepwell.language.values import Json, dumps
from stepwell.tasks.aws.model import Operation, Shape

Spelling: TypeAlias = Callable[[str], str]
"""The name of a member in Step Functions, from its name in the model."""

_URI = ("uri", "header", "querystring")


class ArgumentFault(Exception):
    """The parameters cannot be used; `sentences` say why, as AWS does."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__(", ".join(sentences))
        self.sentences = sentences


def to_arguments(
    operation: Operation, given: Json, spelling: Spelling, serialised: Container[str] | None
) -> dict[str, object]:
    """The arguments that the service's client takes, by the names of the model.

    Members named in `serialised`, or all where it is None, take any JSON where the service takes text: its text is
    passed on (recorded for StartExecution's Input and PutObject's Body). Raises ArgumentFault.
    """
    reader = _Reader(operation.model.shapes, spelling, serialised)
    shape: Shape = operation.input or {"members": {}}
    members = given if isinstance(given, dict) else {}
    arguments = reader.structure(shape, members)
    reader.check_required(shape, members)
    if reader.faults:
        raise ArgumentFault(reader.faults)
    return arguments


class _Reader:
    def __init__(self, shapes: Mapping[str, Shape], spelling: Spelling, serialised: Container[str] | None) -> None:
        self._shapes = shapes
        self._spelling = spelling
        self._serialised = serialised
        self.faults: list[str] = []

    def structure(self, shape: Shape, given: Mapping[str, Json]) -> dict[str, object]:
        names = {self._spelling(name): name for name in shape["members"]}
        found: dict[str, object] = {}
        for spelled, value in given.items():
            name = names.get(spelled)
            if name is None:
                self.faults.append(f"The field '{spelled}' is not supported by Step Functions")
            elif value is not None:
                found[name] = self._value(shape["members"][name]["shape"], value, spelled)
        return found

    def check_required(self, shape: Shape, given: Mapping[str, Json]) -> None:
        """What stands in the address or a header of the request must have a value: there is no way to send null."""
        for name in shape.get("required", ()):
            member, spelled = shape["members"][name], self._spelling(name)
            sent = given.get(spelled) is not None if member.get("location") in _URI else spelled in given
            if not sent and not member.get("idempotencyToken"):
                self.faults.append(f"The field '{spelled}' is required but was missing")

    def _value(self, shape_name: str, value: Json, spelled: str) -> object:
        shape = self._shapes[shape_name]
        if shape.get("document"):
            return value
        match shape["type"]:
            case "structure" if isinstance(value, dict):
                return self.structure(shape, value)
            case "map" if isinstance(value, dict):
                of = shape["value"]["shape"]
                return {key: self._value(of, item, key) for key, item in value.items() if item is not None}
            case "list" if isinstance(value, list):
                of = shape["member"]["shape"]
                return [self._value(of, item, spelled) for item in value if item is not None]
            case "string" | "character" if self._takes(value, spelled):
                return value if isinstance(value, str) else dumps(value)
            case "blob" if self._takes(value, spelled):
                return (value if isinstance(value, str) else dumps(value)).encode()
            case "integer" | "long" if isinstance(value, int) and not isinstance(value, bool):
                return value
            case "float" | "double" if isinstance(value, int | float) and not isinstance(value, bool):
                return value
            case "boolean" if isinstance(value, bool):
                return value
            case "timestamp" if _is_time(value):
                return value
        self.faults.append(f"The value for the field '{spelled}' must be {_KINDS[shape['type']]}")
        return None

    def _takes(self, value: Json, spelled: str) -> bool:
        return isinstance(value, str) or self._serialised is None or spelled in self._serialised


_KINDS = {
    "structure": "an OBJECT",
    "map": "an OBJECT",
    "list": "an ARRAY",
    "boolean": "a BOOLEAN",
    "timestamp": "a TIMESTAMP",
    **dict.fromkeys(("integer", "long", "float", "double"), "a NUMBER"),
    **dict.fromkeys(("string", "character", "blob"), "a STRING"),
}


def _is_time(value: Json) -> bool:
    """An ISO 8601 text, or seconds since 1970."""
    if isinstance(value, str):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            return False
        return True
    return isinstance(value, int | float) and not isinstance(value, bool)
