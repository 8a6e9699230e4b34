"""Checks of a request against AWS's service model, compiled once an operation.

Rules that must stay true here:
- Every constraint of the model is checked, and nothing else; members that the model does not know are ignored.
- A wrong JSON type is SerializationException at once; broken constraints are collected into one ValidationException,
  in AWS's words.
- The value of a shape that the model marks as sensitive is never written into a message.
- The check is linear in the request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from stepwell.api import faults
from stepwell.api.service_model import INPUTS, SHAPES, Shape
from stepwell.language.values import Json

Check: TypeAlias = Callable[[Json, str, list[str]], None]
"""Checks a value (never null) at a path; appends what is wrong. Raises SerializationException for a wrong type."""

_BYTES: Final = frozenset({"SensitiveData", "SensitiveDataJobInput", "ConnectorParameters"})
"""Shapes whose length is measured in bytes of UTF-8 (API reference: "expressed as bytes in UTF-8 encoding")."""

_ENUM_ORDER: Final[Mapping[str, Sequence[str]]] = {
    "ExecutionStatus": ("SUCCEEDED", "TIMED_OUT", "PENDING_REDRIVE", "ABORTED", "FAILED", "RUNNING"),
}
"""AWS writes the values of an enumeration in an order of its own, where a record of it is known."""

_alias_name = re.compile(r"[a-zA-Z0-9_\-.]+")
_PATTERNS: Final[dict[str, Callable[[str], bool]]] = {
    r"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$": lambda text: (
        _alias_name.fullmatch(text) is not None and not text.isdigit()
    ),
    "[!-~]+": lambda text: text.isascii() and text.isprintable() and " " not in text and text != "",
    r"\p{ASCII}*": str.isascii,
}
"""The model's patterns by hand: it has three, one with a look-ahead, and all are linear this way."""

_INTEGERS: Final = {"integer": ("Integer", 2**31), "long": ("Long", 2**63)}


def compile_operation(operation: str) -> Callable[[Json], dict[str, Json]]:
    """What checks a request of an operation and gives it back.

    That raises ApiFault: SerializationException for wrong types, ValidationException with every broken constraint.
    """
    shape = INPUTS[operation]
    check = _compile(shape)

    def validate(request: Json) -> dict[str, Json]:
        found: list[str] = []
        check(request, "", found)
        if found:
            count = len(found)
            many = "s" if count > 1 else ""
            raise faults.validation(f"{count} validation error{many} detected: {'; '.join(found)}")
        assert isinstance(request, dict)
        return request

    return validate


def _compile(name: str) -> Check:
    shape = SHAPES[name]
    match shape["type"]:
        case "structure":
            return _structure(name, shape)
        case "list":
            return _list(shape)
        case "map":
            return _map(shape)
        case "string":
            return _string(name, shape)
        case "boolean":
            return _boolean()
        case "integer" | "long":
            return _integer(shape)
        case "float" | "double":
            return _float(shape)
    raise ValueError(f"no check for the type {shape['type']} of {name}")


def _structure(shape_name: str, shape: Shape) -> Check:
    required = frozenset(shape.get("required", ()))
    members = tuple((name, name in required, _compile(member["shape"])) for name, member in shape["members"].items())

    def check(value: Json, path: str, found: list[str]) -> None:
        if type(value) is not dict:
            raise _wrong_type(value, shape_name)
        within = f"{path}." if path else ""
        for name, is_required, check_member in members:
            member = value.get(name)
            if member is not None:
                check_member(member, within + name, found)
            elif is_required:
                found.append(f"Value null at '{within}{name}' failed to satisfy constraint: Member must not be null")

    return check


def _list(shape: Shape) -> Check:
    member = SHAPES[shape["member"]["shape"]]
    check_item = _compile(shape["member"]["shape"])
    check_length = _bounds(shape, "length", sensitive=bool(shape.get("sensitive")))
    plain = member["type"] == "string"  # AWS tells all that is asked of plain members at the list, in one sentence
    asked = ", ".join(_length_constraints(member))

    def check(value: Json, path: str, found: list[str]) -> None:
        if type(value) is not list:
            raise _wrong_type(value, "List")
        check_length(len(value), value, path, found)
        if plain:
            inside: list[str] = []
            for item in value:
                if item is not None:
                    check_item(item, path, inside)
            if inside:
                shown = ", ".join(str(item) for item in value)
                found.append(_fault(f"'[{shown}]'", path, f"Member must satisfy constraint: [{asked}]"))
            return
        for index, item in enumerate(value, 1):
            where = f"{path}.{index}.member"
            if item is None:
                found.append(_fault("null", where, "Member must not be null"))
            else:
                check_item(item, where, found)

    return check


def _map(shape: Shape) -> Check:
    check_value = _compile(shape["value"]["shape"])

    def check(value: Json, path: str, found: list[str]) -> None:
        if type(value) is not dict:
            raise _wrong_type(value, "Map")
        for name, member in value.items():
            if member is not None:
                check_value(member, f"{path}.{name}.member", found)

    return check


def _string(shape_name: str, shape: Shape) -> Check:
    least, most = shape.get("min", 0), shape.get("max")
    in_bytes = shape_name in _BYTES
    sensitive = bool(shape.get("sensitive"))
    allowed = frozenset(shape.get("enum", ()))
    values = ", ".join(_ENUM_ORDER.get(shape_name) or shape.get("enum", ()))
    pattern: str | None = shape.get("pattern")
    matches = None if pattern is None else _PATTERNS[pattern]

    def check(value: Json, path: str, found: list[str]) -> None:
        if type(value) is not str:
            raise _wrong_type(value, "String")
        length = len(value)
        if in_bytes and not value.isascii():
            length = len(value.encode())
        shown = "***SENSITIVE***" if sensitive else value
        if length < least:
            found.append(_fault(f"'{shown}'", path, f"Member must have length greater than or equal to {least}"))
        elif most is not None and length > most:
            found.append(_fault(f"'{shown}'", path, f"Member must have length less than or equal to {most}"))
        if matches is not None and not matches(value):
            found.append(_fault(f"'{shown}'", path, f"Member must satisfy regular expression pattern: {pattern}"))
        if allowed and value not in allowed:
            found.append(_fault(f"'{shown}'", path, f"Member must satisfy enum value set: [{values}]"))

    return check


def _boolean() -> Check:
    def check(value: Json, *_: object) -> None:
        if type(value) is not bool:
            raise _wrong_type(value, "Boolean")

    return check


def _integer(shape: Shape) -> Check:
    name, limit = _INTEGERS[shape["type"]]
    check_value = _bounds(shape, "value", sensitive=bool(shape.get("sensitive")))

    def check(value: Json, path: str, found: list[str]) -> None:
        if type(value) is not int or not -limit <= value < limit:
            raise _wrong_type(value, name)
        check_value(value, value, path, found)

    return check


def _float(shape: Shape) -> Check:
    check_value = _bounds(shape, "value", sensitive=bool(shape.get("sensitive")))

    def check(value: Json, path: str, found: list[str]) -> None:
        if type(value) is not float and type(value) is not int:
            raise _wrong_type(value, "Float")
        check_value(value, value, path, found)

    return check


def _bounds(shape: Shape, what: str, *, sensitive: bool) -> Callable[[float, Json, str, list[str]], None]:
    least, most = shape.get("min"), shape.get("max")

    def check(measure: float, value: Json, path: str, found: list[str]) -> None:
        if least is not None and measure < least:
            constraint = f"Member must have {what} greater than or equal to {least}"
        elif most is not None and measure > most:
            constraint = f"Member must have {what} less than or equal to {most}"
        else:
            return
        found.append(_fault("'***SENSITIVE***'" if sensitive else f"'{value}'", path, constraint))

    return check


def _length_constraints(shape: Shape) -> list[str]:
    asked = []
    if "max" in shape:
        asked.append(f"Member must have length less than or equal to {shape['max']}")
    if "min" in shape:
        asked.append(f"Member must have length greater than or equal to {shape['min']}")
    return asked


def _fault(shown: str, path: str, constraint: str) -> str:
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def _wrong_type(value: Json, wanted: str) -> faults.ApiFault:
    match value:
        case dict():
            return faults.serialization("Start of structure or map found where not expected.")
        case list():
            return faults.serialization("Start of list found where not expected")
        case bool():
            kind = "TRUE_VALUE" if value else "FALSE_VALUE"
        case str():
            kind = "STRING_VALUE"
        case None:
            kind = "NULL_VALUE"
        case _:
            kind = "NUMBER_VALUE"
    return faults.serialization(f"{kind} cannot be converted to {wanted}")
