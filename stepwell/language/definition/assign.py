"""Assign: the variables that a state, a catcher or a choice sets.

Rules that must stay true here:
- A definition with variables is validated; it cannot be run yet, and `read_assign` is the one place that says so.
"""

from __future__ import annotations

from typing import Final

from stepwell.language.definition import jsonata
from stepwell.language.definition.legal import JSONATA, QueryLanguage
from stepwell.language.definition.node import Node
from stepwell.language.definition.payload import read_template
from stepwell.language.diagnostics import Diagnostic

_MAX_NAME: Final = 80


def read_assign(node: Node, language: QueryLanguage) -> None:
    """The assignments of an object that may have Assign."""
    assign = node.object("Assign")
    if assign is None:
        return
    if language == JSONATA:
        jsonata.check_template(node, "Assign")
        names = list(assign.members)
    else:
        read_template(node, "Assign")
        names = [name.removesuffix(".$") for name in assign.members]
    for name in names:
        if not name.isidentifier() or len(name) > _MAX_NAME or name == "states":
            assign.fault(f"'{name}' is not a valid variable name")
    node.findings.unsupported.append(
        Diagnostic("SCHEMA_VALIDATION_FAILED", "Field 'Assign' is not supported yet", assign.location)
    )
