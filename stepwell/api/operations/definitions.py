"""Definitions: checked before a machine is made of them, and by themselves.

Rules that must stay true here:
- Creating, updating and validating ask the same code whether a definition is sound.
- A large definition is read on a thread, so that it does not hold up other requests.
"""

from __future__ import annotations

import asyncio
from typing import Final

from stepwell.api.faults import ApiFault
from stepwell.api.request import Answer, Request
from stepwell.language.definition import compile_definition, validate_definition
from stepwell.language.definition.setting import MachineType
from stepwell.language.diagnostics import Diagnostic, InvalidDefinition, Severity
from stepwell.language.values import Json
from stepwell.language.variable_references import variable_references

_LARGE: Final = 64 * 1024  # characters


async def check_definition(text: str, machine_type: str) -> None:
    """Raises InvalidDefinition, in AWS's words, where no machine of this type can be made of the definition."""
    kind: MachineType = "EXPRESS" if machine_type == "EXPRESS" else "STANDARD"
    try:
        if len(text) > _LARGE:
            await asyncio.to_thread(compile_definition, text, machine_type=kind)
        else:
            compile_definition(text, machine_type=kind)
    except InvalidDefinition as refusal:
        raise ApiFault("InvalidDefinition", refusal.aws_message()) from None


async def reference_members(definition: str | None) -> Answer:
    """The variables that the states of a definition refer to, as a member of an answer; none where there are none."""
    if definition is None:
        return {}
    if len(definition) > _LARGE:
        found = await asyncio.to_thread(variable_references, definition)
    else:
        found = variable_references(definition)
    references: dict[str, Json] = {state: list(names) for state, names in found.items()}
    return {"variableReferences": references} if references else {}


async def validate_state_machine_definition(request: Request) -> Answer:
    text = request.text("definition")
    kind: MachineType = "EXPRESS" if request.optional_text("type") == "EXPRESS" else "STANDARD"
    severity: Severity = "WARNING" if request.optional_text("severity") == "WARNING" else "ERROR"
    found = await asyncio.to_thread(validate_definition, text, machine_type=kind, severity=severity)
    most = request.page_size()
    failed = any(diagnostic.severity == "ERROR" for diagnostic in found)
    return {
        "result": "FAIL" if failed else "OK",
        "diagnostics": [_answered(diagnostic) for diagnostic in found[:most]],
        "truncated": len(found) > most,
    }


def _answered(diagnostic: Diagnostic) -> Json:
    answer: dict[str, Json] = {
        "severity": diagnostic.severity,
        "code": diagnostic.code,
        "message": diagnostic.message,
    }
    if diagnostic.location is not None:
        answer["location"] = diagnostic.location
    return answer
