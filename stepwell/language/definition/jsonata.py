"""JSONata in a definition: its expressions as fields of an object, compiled, with their faults put in place.

Rules that must stay true here:
- Whether a text is an expression, and a good one, is judged by the compilers of `language.jsonata`, nowhere else.
- A text that is opened or closed as an expression, but not both, is a fault.
"""

from __future__ import annotations

from typing import Final

from stepwell.language.definition.node import MAX_WHOLE, Node
from stepwell.language.jsonata.expression import Evaluated, ExpressionFault, compile_value
from stepwell.language.jsonata.expression import is_expression as _is_expression
from stepwell.language.jsonata.fields import Text, WholeNumber
from stepwell.language.jsonata.flow import JsonataCatch, JsonataFlow
from stepwell.language.model import Expression
from stepwell.language.values import Json

_OPEN: Final = "{%"
_CLOSE: Final = "%}"


def read_flow(node: Node, assign: Expression | None, *, has_result: bool) -> JsonataFlow:
    """The data flow of a JSONata state: Arguments, Output and Assign. `has_result`: it is a Task, Parallel or Map."""
    return JsonataFlow(read_value(node, "Arguments"), read_value(node, "Output"), assign, has_result)


def read_catch_flow(node: Node, assign: Expression | None) -> JsonataCatch:
    """The data flow of a catcher."""
    return JsonataCatch(read_value(node, "Output"), assign)


def is_expression(node: Node, name: str) -> bool:
    """Whether a member is an expression; one that is opened or closed badly is reported, and counts."""
    value = node.members.get(name)
    return isinstance(value, str) and (_is_expression(value) or _check_delimiters(value, node, name))


def read_expression(node: Node, name: str) -> Evaluated | None:
    """A member that is an expression and nothing else; None where it has a fault, which is reported."""
    expression = read_value(node, name)
    return expression if isinstance(expression, Evaluated) else None


def read_whole(node: Node, name: str, low: int, high: int = MAX_WHOLE) -> Expression | None:
    """A member that is an expression for a whole number."""
    expression = read_expression(node, name)
    return None if expression is None else WholeNumber(expression, low, high)


def read_text(node: Node, name: str) -> Text | None:
    """A member that is an expression for a text."""
    expression = read_expression(node, name)
    return None if expression is None else Text(expression)


def read_value(node: Node, name: str) -> Expression | None:
    """A member of any shape with expressions in it; None where there is none, or it has a fault."""
    if name not in node:
        return None
    value = node.members[name]
    before = len(node.findings.diagnostics)
    _check_value(value, node, name)
    if len(node.findings.diagnostics) > before:
        return None
    try:
        return compile_value(value, node.field(name))
    except ExpressionFault:
        _report(value, node, name)
        return None


def _report(value: Json, node: Node, place: str) -> None:
    """Reports every expression of a value that is not well formed."""
    if isinstance(value, dict):
        for name, item in value.items():
            _report(item, node, f"{place}/{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _report(item, node, f"{place}[{index}]")
    else:
        try:
            compile_value(value, place)
        except ExpressionFault as fault:
            node.fault(f"The JSONata expression is not valid: {fault.message}", place)


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
