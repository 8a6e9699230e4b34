"""JSONata in a definition.

Rules that must stay true here:
- This is the only file of the walk that knows how a JSONata expression is written.
- A definition with JSONata is validated in full but for the expressions themselves; it cannot be run yet, and
  `read_flow` is the one place that says so.
"""

from __future__ import annotations

from typing import Final

from stepwell.language.definition.node import Node
from stepwell.language.diagnostics import Diagnostic
from stepwell.language.model import DataFlow
from stepwell.language.values import Json

_OPEN: Final = "{%"
_CLOSE: Final = "%}"


def read_flow(node: Node) -> DataFlow | None:
    """The data flow of a JSONata state: Arguments and Output."""
    check_template(node, "Arguments")
    check_template(node, "Output")
    node.findings.unsupported.append(
        Diagnostic("SCHEMA_VALIDATION_FAILED", "The QueryLanguage 'JSONata' is not supported yet", node.location)
    )
    return None


def is_expression(node: Node, name: str) -> bool:
    """Whether a member is a JSONata expression; one that is opened or closed badly is reported, and counts."""
    value = node.members.get(name)
    return isinstance(value, str) and _check_delimiters(value, node, name)


def check_template(node: Node, name: str) -> None:
    """Checks every expression in a member of any shape."""
    if name in node:
        _check_value(node.members[name], node, name)


def _check_value(value: Json, node: Node, place: str) -> None:
    if isinstance(value, str):
        _check_delimiters(value, node, place)
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_value(item, node, f"{place}/{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_value(item, node, f"{place}[{index}]")


def _check_delimiters(text: str, node: Node, place: str) -> bool:
    opened, closed = text.startswith(_OPEN), text.endswith(_CLOSE) and len(text) >= len(_OPEN + _CLOSE)
    if opened != closed:
        node.fault("A JSONata expression must start with '{%' and end with '%}'", place)
    return opened or closed
