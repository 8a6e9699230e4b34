"""The Choice state.

Rules that must stay true here:
- The shape of a rule and the types of its operands are checked here; what it means is `choice_rule`'s business.
- A rule names its next state at the top only; a rule inside And, Or and Not does not.
"""

from __future__ import annotations

from typing import Final

from stepwell.language.choice_rule import COMPARATORS, compile_rule
from stepwell.language.definition import jsonata
from stepwell.language.definition.assign import read_assign
from stepwell.language.definition.legal import JSONATA
from stepwell.language.definition.node import Node
from stepwell.language.definition.payload import read_path, warn_of_path
from stepwell.language.definition.setting import Common
from stepwell.language.definition.wait import read_timestamp
from stepwell.language.errors import SyntaxFault
from stepwell.language.jsonata.fields import Always, Condition
from stepwell.language.jsonpath_flow import JsonPathFlow
from stepwell.language.model import Choice, ChoiceBranch, Expression, Rule

_TOP_FIELDS: Final = ("Next", "Assign", "Comment")
_LISTS: Final = ("And", "Or")
_COMBINERS: Final = (*_LISTS, "Not")


def read_choice(node: Node, common: Common) -> Choice:
    """The Choice state in an object."""
    node.require("Choices")
    default = node.text("Default")
    branches = [_read_branch(rule, common) for rule in node.objects("Choices", at_least=1)]
    return Choice(
        name=common.name,
        flow=common.flow,
        comment=common.comment,
        branches=tuple(branch for branch in branches if branch is not None),
        default=default,
    )


def _read_branch(node: Node, common: Common) -> ChoiceBranch | None:
    before = len(node.findings.diagnostics)
    comment = node.text("Comment")
    assign = read_assign(node, common.language)
    if common.language == JSONATA:
        return _read_condition(node, assign, comment)
    if not any(name in node for name in _COMBINERS):
        node.require("Variable", "Next")
    else:
        node.require("Next")
    target = node.text("Next")
    _check_rule(node, _TOP_FIELDS)
    if target is None or any(found.severity == "ERROR" for found in node.findings.diagnostics[before:]):
        return None
    try:
        assert isinstance(common.flow, JsonPathFlow)
        flow = common.flow.with_assign(assign)
        return ChoiceBranch(compile_rule(dict(node.members)), target, flow, comment)
    except SyntaxFault as fault:
        node.fault(fault.message)
        return None


def _read_condition(node: Node, assign: Expression | None, comment: str | None) -> ChoiceBranch | None:
    """A JSONata rule. Its Output and Assign stand for those of the state, which count where no rule matches."""
    node.require("Condition", "Next")
    node.allow(("Condition", "Output", *_TOP_FIELDS))
    target = node.text("Next")
    flow = jsonata.read_flow(node, assign, has_result=False)
    rule = _read_rule(node)
    return None if target is None or rule is None else ChoiceBranch(rule, target, flow, comment)


def _read_rule(node: Node) -> Rule | None:
    if jsonata.is_expression(node, "Condition"):
        expression = jsonata.read_expression(node, "Condition")
        return None if expression is None else Condition(expression)
    holds = node.boolean("Condition")
    return None if holds is None else Always(holds)


def _check_rule(node: Node, top: tuple[str, ...]) -> None:
    """Checks the shape of a rule; `top` are the fields that it may have besides."""
    combiners = [name for name in _COMBINERS if name in node]
    comparators = [name for name in node.members if name in COMPARATORS]
    if len(combiners) + len(comparators) > 1:
        node.fault(f"Only one of these fields is allowed: [{', '.join(combiners + comparators)}]")
    if combiners:
        node.allow((*_COMBINERS, *COMPARATORS, *top, "Comment"))
        _check_combiner(node, combiners[0])
        return
    node.allow(("Variable", *COMPARATORS, *top, "Comment"))
    read_path(node, "Variable")
    if comparators:
        _check_operand(node, comparators[0])
    else:
        node.fault("A choice rule must have a comparison operator")


def _check_combiner(node: Node, name: str) -> None:
    if name in _LISTS:
        rules = list(node.objects(name, at_least=1))
    else:
        rule = node.object(name)
        rules = [] if rule is None else [rule]
    for rule in rules:
        if not any(combiner in rule for combiner in _COMBINERS):
            rule.require("Variable")
        _check_rule(rule, ())


def _check_operand(node: Node, comparator: str) -> None:
    match COMPARATORS[comparator].operand:
        case "string":
            node.text(comparator)
            warn_of_path(node, comparator)
        case "number":
            node.number(comparator, float("-inf"), float("inf"))
        case "boolean":
            node.boolean(comparator)
        case "timestamp":
            read_timestamp(node, comparator)
        case "path":
            read_path(node, comparator)
