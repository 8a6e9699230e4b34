"""The Pass state.

Rules that must stay true here:
- Result is plain data: what looks like a path in it is a warning, and is handed on as it stands.
"""

from __future__ import annotations

from stepwell.language.definition.node import Node
from stepwell.language.definition.payload import looks_dynamic
from stepwell.language.definition.setting import Common
from stepwell.language.model import Pass
from stepwell.language.values import Json


def read_pass(node: Node, common: Common) -> Pass:
    """The Pass state in an object."""
    if "Result" in node:
        _warn_of_dynamic_result(node.members["Result"], node, "Result")
    return Pass(
        name=common.name,
        flow=common.flow,
        next=common.next,
        comment=common.comment,
        result=node.members.get("Result"),
        has_result="Result" in node,
    )


def _warn_of_dynamic_result(value: Json, node: Node, place: str) -> None:
    if isinstance(value, dict):
        for name, item in value.items():
            if name.endswith(".$"):
                _warn(node, f"{place}/{name}")
            else:
                _warn_of_dynamic_result(item, node, f"{place}/{name}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _warn_of_dynamic_result(item, node, f"{place}[{index}]")
    elif isinstance(value, str) and looks_dynamic(value):
        _warn(node, place)


def _warn(node: Node, place: str) -> None:
    node.warn("PASS_RESULT_IS_STATIC", "Attempt to use a path in the result of a pass state.", node.at(place))
