"""The Fail state.

Rules that must stay true here:
- Error and Cause are each given by value or by path, never by both.
"""

from __future__ import annotations

from stepwell.language.definition import jsonata
from stepwell.language.definition.legal import JSONATA
from stepwell.language.definition.node import Node
from stepwell.language.definition.payload import read_string_path, warn_of_path
from stepwell.language.definition.setting import Common
from stepwell.language.fields import Literal
from stepwell.language.model import Expression, Fail


def read_fail(node: Node, common: Common) -> Fail:
    """The Fail state in an object."""
    error, cause = _read_text(node, "Error", common), _read_text(node, "Cause", common)
    return Fail(name=common.name, flow=common.flow, comment=common.comment, error=error, cause=cause)


def _read_text(node: Node, name: str, common: Common) -> Expression | None:
    """Error or Cause, or the one with Path behind it."""
    if common.language == JSONATA and jsonata.is_expression(node, name):
        return jsonata.read_text(node, name)
    by_path = f"{name}Path"
    node.at_most_one(name, by_path)
    if by_path in node:
        return read_string_path(node, by_path)
    text = node.text(name)
    if common.language != JSONATA:
        warn_of_path(node, name)
    return None if text is None else Literal(text)
