"""A state machine: from the text of its definition to a program, or to all that is wrong with it.

Rules that must stay true here:
- Validating and compiling are one walk; only what is made of its findings differs.
- No text whatever leads to another exception than InvalidDefinition: not its size, its depth or its numbers.
- A duplicate state name is a fault although JSON readers let the last one win.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Final

from stepwell.language.definition.assign import check_scopes
from stepwell.language.definition.legal import JSONPATH
from stepwell.language.definition.node import Findings, Node
from stepwell.language.definition.path_parts import check_path_parts
from stepwell.language.definition.program import BRANCH_FIELDS, read_program
from stepwell.language.definition.setting import MachineType, Setting, read_language
from stepwell.language.diagnostics import Code, Diagnostic, InvalidDefinition, Severity
from stepwell.language.model import Program
from stepwell.language.values import Json, loads

MAX_DEPTH: Final = 128
"""How deeply the objects and arrays of a definition may be nested."""

# A string is matched to its end, or to the end of a text that does not close it, so that the search never goes back.
_BRACKETS: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[{}\[\]]', re.DOTALL)
_FIELDS: Final = (*BRANCH_FIELDS, "Version", "TimeoutSeconds", "QueryLanguage")


def compile_definition(text: str, *, machine_type: MachineType = "STANDARD") -> Program:
    """The program of a definition.

    Raises InvalidDefinition with every error of the definition.
    """
    findings = Findings()
    program = _read(text, machine_type, findings)
    refuse_unsound(findings, text)
    assert program is not None  # whoever reads None has made a diagnostic
    return program


def refuse_unsound(findings: Findings, text: str) -> None:
    """Raises InvalidDefinition where a walk over a definition has found an error, or what cannot be run yet."""
    errors = [found for found in findings.diagnostics if found.severity == "ERROR"]
    if errors:
        raise InvalidDefinition(errors, text)


def validate_definition(
    text: str, *, machine_type: MachineType = "STANDARD", severity: Severity = "ERROR"
) -> tuple[Diagnostic, ...]:
    """What is wrong with a definition, in the order of the document; `severity` is the least that is reported."""
    findings = Findings()
    _read(text, machine_type, findings)
    return tuple(found for found in findings.diagnostics if severity == "WARNING" or found.severity == "ERROR")


def _read(text: str, machine_type: MachineType, findings: Findings) -> Program | None:
    document = parse_document(text, findings)
    if document is None:
        return None
    node = Node(document, "", findings)
    node.allow(_FIELDS)
    node.text("Version")
    timeout = node.whole("TimeoutSeconds", 1)
    setting = Setting(read_language(node, JSONPATH), machine_type == "EXPRESS")
    program = read_program(node, setting, timeout_seconds=timeout)
    check_scopes(findings)
    return program


def parse_document(text: str, findings: Findings) -> dict[str, Json] | None:
    """The object that a definition is; None where it is none: a diagnostic says why."""

    def fault(code: Code, message: str, location: str | None = None) -> None:
        findings.diagnostics.append(Diagnostic(code, message, location))

    if not text.strip():
        fault("MISSING_DESCRIPTION", "The definition is empty")
        return None
    if _is_too_deep(text):
        fault("TOO_DEEPLY_NESTED", f"The definition is nested more than {MAX_DEPTH} levels deep")
        return None
    try:
        document = loads(text)
    except ValueError as refusal:
        fault("INVALID_JSON_DESCRIPTION", str(refusal))
        return None
    if not isinstance(document, dict):
        fault("SCHEMA_VALIDATION_FAILED", "Expected value of type [OBJECT]", "/")
        return None
    if not check_path_parts(document, len(text), findings):
        return None
    states = document.get("States")
    for name in _repeated_state_names(text):
        # Only that it is repeated is known of a name inside a branch or a processor, not where.
        location = f"/States/{name}" if isinstance(states, dict) and name in states else None
        fault("DUPLICATE_STATE_NAME", f"Duplicate State name: {name}", location)
    return document


def _is_too_deep(text: str) -> bool:
    """Whether a text, be it JSON or not, nests objects and arrays more than MAX_DEPTH levels deep."""
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return False
    depth = 0
    for match in _BRACKETS.finditer(text):
        found = match[0]
        if found in "{[":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif found in "}]":
            depth -= 1
    return False


def _repeated_state_names(text: str) -> list[str]:
    """The names that stand more than once in one States object. The text is JSON of bounded depth."""
    repeated: list[str] = []

    def see(members: list[tuple[str, object]]) -> object:
        """Gives, for an object, the names that it repeats; its parent knows whether it is a States object."""
        for name, value in members:
            if name == "States" and isinstance(value, tuple):
                repeated.extend(value)
        if len({name for name, _ in members}) == len(members):
            return None
        return tuple(name for name, times in Counter(name for name, _ in members).items() if times > 1)

    json.loads(text, object_pairs_hook=see)
    return repeated
