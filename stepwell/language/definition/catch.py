"""Catch: the catchers of a state.

Rules that must stay true here:
- A catcher's transition is checked with those of all states, in `transition`.
"""

from __future__ import annotations

from typing import Final

from stepwell.language.definition import jsonata
from stepwell.language.definition.assign import read_assign
from stepwell.language.definition.legal import JSONATA, QueryLanguage
from stepwell.language.definition.node import Node
from stepwell.language.definition.payload import read_result_path
from stepwell.language.definition.retry import read_error_equals
from stepwell.language.jsonpath_flow import JsonPathCatch
from stepwell.language.model import Catcher, CatchFlow

_SHARED: Final = ("ErrorEquals", "Next", "Comment", "Assign")
_FIELDS: Final = {"JSONPath": (*_SHARED, "ResultPath"), "JSONata": (*_SHARED, "Output")}


def read_catch(state: Node, language: QueryLanguage) -> tuple[Catcher, ...]:
    """The catchers of a state in their order."""
    nodes = list(state.objects("Catch"))
    catchers = [_read_catcher(node, language, last=node is nodes[-1]) for node in nodes]
    return tuple(catcher for catcher in catchers if catcher is not None)


def _read_catcher(node: Node, language: QueryLanguage, *, last: bool) -> Catcher | None:
    node.allow(_FIELDS[language])
    errors = read_error_equals(node, last=last)
    node.text("Comment")
    node.require("Next")
    target = node.text("Next")
    assign = read_assign(node, language)
    flow: CatchFlow
    if language == JSONATA:
        flow = jsonata.read_catch_flow(node, assign)
    else:
        flow = JsonPathCatch(read_result_path(node), assign)
    return None if target is None else Catcher(errors, target, flow)
