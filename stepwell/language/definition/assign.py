"""Assign: the variables that a state, a catcher or a choice rule sets.

Rules that must stay true here:
- A name that is assigned in a program is assigned in no program inside it: inner states see outer variables, and none
  hides another (AWS, "Passing data with variables", scopes).
"""

from __future__ import annotations

from collections.abc import Iterator

from stepwell.language.assign import MAX_NAME, is_variable_name
from stepwell.language.definition import jsonata
from stepwell.language.definition.legal import JSONATA, QueryLanguage
from stepwell.language.definition.node import Findings, Node
from stepwell.language.definition.payload import read_template
from stepwell.language.diagnostics import Diagnostic
from stepwell.language.model import Expression


def read_assign(node: Node, language: QueryLanguage) -> Expression | None:
    """The assignments of an object that may have Assign: an expression that evaluates to an object."""
    assign = node.object("Assign")
    if assign is None:
        return None
    names = list(assign.members)
    if language == JSONATA:
        expression = jsonata.read_value(node, "Assign")
    else:
        expression = read_template(node, "Assign")
        names = [name.removesuffix(".$") for name in names]
    for name in names:
        if not is_variable_name(name):
            assign.fault(
                f"'{name}' is not a valid variable name: it must be an identifier of at most {MAX_NAME} characters,"
                " and not 'states'"
            )
        node.findings.assigned.append((name, assign.location))
    return expression


def check_scopes(findings: Findings) -> None:
    """Reports the variables that are assigned in a program and in one inside it."""
    scopes: dict[str, set[str]] = {}
    for name, location in findings.assigned:
        scopes.setdefault(name, set()).add(_program(location))
    for name, location in findings.assigned:
        if any(outer in scopes[name] for outer in _programs_around(_program(location))):
            message = f"The variable '{name}' is assigned in an outer scope, and cannot be assigned in an inner one"
            findings.diagnostics.append(Diagnostic("SCHEMA_VALIDATION_FAILED", message, location))


def _program(location: str) -> str:
    """The location of the program that the state at a location belongs to."""
    return location.rpartition("/States/")[0]


def _programs_around(program: str) -> Iterator[str]:
    while "/States/" in program:
        program = _program(program)
        yield program
