"""Which variables the states of a definition refer to, told from its text alone (DescribeStateMachine).

Rules that must stay true here:
- Every state answers for itself, whatever program it is in; a Map or Parallel does not answer for the states inside it.
- Names stand in alphabetical order, once each; a state that refers to none is left out (recorded).
- Text that only looks like a reference, in a member that is neither a path nor a template's, is none (recorded).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from stepwell.language.errors import SyntaxFault
from stepwell.language.jsonata.expression import Evaluated, is_expression
from stepwell.language.values import Json, loads

_QUOTED: Final = re.compile(r"'(?:[^'\\]|\\.)*'")
_NAME: Final = re.compile(r"(?<![\w$])\$([^\W\d]\w*)")
_PROGRAMS: Final = ("ItemProcessor", "Iterator", "Branches")


def variable_references(definition: str) -> dict[str, list[str]]:
    """The names of the variables, by state. The definition is sound."""
    document = loads(definition)
    assert isinstance(document, dict)
    found = dict(_program(document, document.get("QueryLanguage") == "JSONata"))
    return {state: names for state, names in found.items() if names}


def _program(program: dict[str, Json], is_jsonata: bool) -> Iterator[tuple[str, list[str]]]:
    states = program.get("States")
    for name, state in states.items() if isinstance(states, dict) else ():
        if not isinstance(state, dict):
            continue
        in_jsonata = state.get("QueryLanguage", "JSONata" if is_jsonata else None) == "JSONata"
        own = {field: value for field, value in state.items() if field not in _PROGRAMS}
        yield name, sorted(set(_in_jsonata(own) if in_jsonata else _in_jsonpath(own, "")))
        for field in _PROGRAMS:
            inner = state.get(field)
            for nested in inner if isinstance(inner, list) else [inner]:
                if isinstance(nested, dict):
                    yield from _program(nested, is_jsonata)


def _in_jsonata(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _in_jsonata(item)
    elif isinstance(value, list):
        for item in value:
            yield from _in_jsonata(item)
    elif isinstance(value, str) and is_expression(value):
        try:
            yield from Evaluated(value, "").query.names
        except SyntaxFault:
            return


def _in_jsonpath(value: Json, member: str) -> Iterator[str]:
    """The names in a value; `member` is the name of the member that holds it."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _in_jsonpath(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from _in_jsonpath(item, "")
    elif isinstance(value, str) and (member.endswith(("Path", ".$")) or member == "Variable"):
        yield from _NAME.findall(_QUOTED.sub("", value))
