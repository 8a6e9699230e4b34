"""The Wait state.

Rules that must stay true here:
- It waits in exactly one of its four forms; JSONata has the first two only, by value or by expression.
"""

from __future__ import annotations

from typing import Final

from stepwell.language.definition import jsonata
from stepwell.language.definition.legal import JSONATA
from stepwell.language.definition.node import MAX_WHOLE, Node
from stepwell.language.definition.payload import read_path
from stepwell.language.definition.setting import Common
from stepwell.language.duration import Seconds, SecondsPath, Timestamp, TimestampPath
from stepwell.language.jsonata import fields
from stepwell.language.jsonata.fields import Text, WholeNumber
from stepwell.language.model import Duration, Wait
from stepwell.language.timestamp import parse_timestamp

_FORMS: Final = ("Seconds", "Timestamp", "SecondsPath", "TimestampPath")


def read_wait(node: Node, common: Common) -> Wait | None:
    """The Wait state in an object; None where it cannot be run: a diagnostic says why."""
    given = [form for form in _FORMS if form in node]
    if len(given) != 1:
        node.fault(f"Exactly one of these fields is required: [{', '.join(_FORMS)}]")
        return None
    duration = _read_duration(node, given[0], common)
    if duration is None:
        return None
    return Wait(name=common.name, flow=common.flow, next=common.next, comment=common.comment, duration=duration)


def _read_duration(node: Node, form: str, common: Common) -> Duration | None:
    if common.language == JSONATA and jsonata.is_expression(node, form):
        expression = jsonata.read_expression(node, form)
        if expression is None:
            return None
        if form == "Seconds":
            return fields.Seconds(WholeNumber(expression, 0, MAX_WHOLE))
        return fields.Timestamp(Text(expression))
    if form == "Seconds":
        seconds = node.whole(form, 0)
        return None if seconds is None else Seconds(seconds)
    if form == "Timestamp":
        time = read_timestamp(node, form)
        return None if time is None else Timestamp(time)
    path = read_path(node, form)
    if path is None:
        return None
    return SecondsPath(path) if form == "SecondsPath" else TimestampPath(path)


def read_timestamp(node: Node, name: str) -> int | None:
    """A member that is a time, in milliseconds since 1970 (UTC)."""
    text = node.text(name)
    if text is None:
        return None
    try:
        return parse_timestamp(text)
    except ValueError:
        node.fault("String does not match RFC3339 timestamp", name)
        return None
