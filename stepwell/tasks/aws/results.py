"""A service's answer as the result of a task.

Rules that must stay true here:
- Names are those of Step Functions, in alphabetical order, with what is streamed at the end (recorded: GetObject);
  maps keep the order of the service.
- Bytes are text: UTF-8 where they are that, base64 where they are not.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from stepwell.language.values import Json, dumps
from stepwell.tasks.aws.arguments import Spelling
from stepwell.tasks.aws.model import Operation, Shape


def to_result(
    operation: Operation, answer: Mapping[str, object], spelling: Spelling, time: Callable[[datetime], Json]
) -> dict[str, Json]:
    """The members of an answer that the model knows, as JSON. Times may be dates, or seconds since 1970."""
    shapes = operation.model.shapes

    def structure(shape: Shape, value: Mapping[str, object]) -> dict[str, Json]:
        def place(name: str) -> tuple[bool, str]:
            member = shape["members"][name]
            return bool(member.get("streaming") or shapes[member["shape"]].get("streaming")), spelling(name)

        known = [name for name in value if name in shape["members"] and value[name] is not None]
        return {
            spelling(name): convert(shapes[shape["members"][name]["shape"]], value[name])
            for name in sorted(known, key=place)
        }

    def convert(shape: Shape, value: object) -> Json:
        kind = None if shape.get("document") else shape["type"]
        if kind == "structure" and isinstance(value, Mapping):
            return structure(shape, value)
        if kind == "map" and isinstance(value, Mapping):
            return {key: convert(shapes[shape["value"]["shape"]], item) for key, item in value.items()}
        if kind == "list" and isinstance(value, list):
            return [convert(shapes[shape["member"]["shape"]], item) for item in value]
        if kind == "timestamp":
            if isinstance(value, int | float):
                value = datetime.fromtimestamp(round(value, 3), UTC)
            return time(value) if isinstance(value, datetime) else str(value)
        if isinstance(value, bytes | bytearray):
            return _text(bytes(value))
        if kind == "string" and not isinstance(value, str):  # a JSON value in a header
            return dumps(value)  # type: ignore[arg-type]  # JSON, as the service's client has read it
        return value  # type: ignore[return-value]  # a scalar of JSON, or a document

    return structure(operation.output or {"members": {}}, answer)


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()
