"""Payload templates and paths as fields of an object: compiled, with their faults put in place.

Rules that must stay true here:
- Whether a text is a path, an intrinsic call or a template is judged by the compilers of those, nowhere else.
- A value that looks like a path where it would be taken as plain text is a warning, never an error.
"""

from __future__ import annotations

import re
from typing import Final

from stepwell.language.definition.node import Node
from stepwell.language.errors import SyntaxFault
from stepwell.language.fields import compile_string_path
from stepwell.language.jsonpath import Path, compile_path
from stepwell.language.jsonpath_flow import ABSENT, UNCHANGED, Absent, JsonPathFlow
from stepwell.language.model import Expression
from stepwell.language.reference_path import ReferencePath, compile_reference_path
from stepwell.language.template import TemplateFault, compile_template
from stepwell.language.values import Json

_LOOKS_DYNAMIC: Final = re.compile(r"\$\$?[.\[]|\$\$?$|States\.[A-Z]\w*\(")


def looks_dynamic(text: str) -> bool:
    """Whether a text looks like a path or an intrinsic call."""
    return _LOOKS_DYNAMIC.match(text) is not None


def read_path(node: Node, name: str) -> Path | None:
    """A member that is a path; None where there is none."""
    text = node.text(name)
    if text is None:
        return None
    try:
        return compile_path(text)
    except SyntaxFault as fault:
        node.fault(fault.message, name)
        return None


def read_string_path(node: Node, name: str) -> Expression | None:
    """A member that is a path or an intrinsic call that gives a string."""
    text = node.text(name)
    if text is None:
        return None
    try:
        return compile_string_path(text, name)
    except SyntaxFault:
        node.fault(f"The value for the field '{name}' must be a valid JSONPath or a valid intrinsic function call")
        return None


def read_template(node: Node, name: str) -> Expression | None:
    """A member that is a payload template; None where there is none."""
    if name not in node:
        return None
    value = node.members[name]
    warn_of_missing_dollars(node, name)
    try:
        return compile_template(value)
    except TemplateFault:
        _report_template(value, node, name)
        return None


def read_result_path(node: Node) -> ReferencePath | Absent | None:
    """ResultPath, which may be null."""
    if node.members.get("ResultPath", "$") is None:
        return None
    text = node.text("ResultPath")
    if text is None:
        return ABSENT
    try:
        return compile_reference_path(text)
    except SyntaxFault as fault:
        node.fault(fault.message, "ResultPath")
        return ABSENT


def read_jsonpath_flow(node: Node, assign: Expression | None, *, parameters: bool = True) -> JsonPathFlow:
    """The data flow of a JSONPath state. `parameters` False leaves out those of a Map, which are its ItemSelector."""
    flow = JsonPathFlow(
        input_path=_nullable_path(node, "InputPath"),
        parameters=read_template(node, "Parameters") if parameters else None,
        result_selector=read_template(node, "ResultSelector"),
        result_path=read_result_path(node),
        output_path=_nullable_path(node, "OutputPath"),
        assign=assign,
    )
    return UNCHANGED if flow.changes_nothing else flow


def warn_of_missing_dollars(node: Node, name: str) -> None:
    """Warns of members of a template whose value looks dynamic though their name lacks the `.$`."""

    def look(value: Json, key: str, location: str) -> None:
        if isinstance(value, dict):
            for member, item in value.items():
                look(item, member, f"{location}/{member}")
        elif isinstance(value, list):
            for index, item in enumerate(value):
                look(item, key, f"{location}[{index}]")
        elif isinstance(value, str) and not key.endswith(".$") and looks_dynamic(value):
            message = f"No .$ on a field that appears to be a JSONPath or Intrinsic Function: '{key}'"
            node.warn("NO_DOLLAR", message, location)

    look(node.members[name], name, node.at(name))


def warn_of_path(node: Node, name: str) -> None:
    """Warns of a plain text that looks like a path, where only the field `…Path` takes one."""
    value = node.members.get(name)
    if isinstance(value, str) and looks_dynamic(value):
        node.warn(
            "NO_PATH", f"Field value looks like a path, but field name '{name}' does not end with 'Path'", node.at(name)
        )


def _nullable_path(node: Node, name: str) -> Path | Absent | None:
    if node.members.get(name, "$") is None:
        return None
    return read_path(node, name) or ABSENT


def _report_template(value: Json, node: Node, place: str) -> None:
    """Reports each fault of a template at the object that holds it."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            _report_template(item, node, f"{place}[{index}]")
    elif isinstance(value, dict):
        whole = len(node.findings.diagnostics)
        for name, item in value.items():
            if name.endswith(".$"):
                _report_member({name: item}, node, place)
            else:
                _report_template(item, node, f"{place}/{name}")
        if len(node.findings.diagnostics) == whole:  # each member is good, so it is their being together
            _report_member(value, node, place)


def _report_member(template: dict[str, Json], node: Node, place: str) -> None:
    try:
        compile_template(template)
    except TemplateFault as fault:
        node.fault(fault.message, place)
