"""A whole number that a state takes by value, by path or by expression: a time-out, a number of iterations.

Rules that must stay true here:
- A value and a path for the same thing exclude each other.
"""

from __future__ import annotations

from stepwell.language.definition import jsonata
from stepwell.language.definition.legal import JSONATA, QueryLanguage
from stepwell.language.definition.node import MAX_WHOLE, Node
from stepwell.language.definition.payload import read_path
from stepwell.language.fields import Literal, WholeNumberPath
from stepwell.language.model import Expression


def read_whole(node: Node, name: str, language: QueryLanguage, low: int, high: int = MAX_WHOLE) -> Expression | None:
    """The field `name`, or `namePath`; None where there is neither. A value is at least `low`, at most `high`."""
    if language == JSONATA and jsonata.is_expression(node, name):
        return jsonata.read_whole(node, name, low, high)
    by_path = f"{name}Path"
    node.at_most_one(name, by_path)
    path = read_path(node, by_path)
    if path is not None:
        return WholeNumberPath(path, by_path, low)
    value = node.whole(name, low, high)
    return None if value is None else Literal(value)
