"""Which members of its input a JSONPath state reads.

Rules that must stay true here:
- Only what is certainly looked up in the state's own input is told: not in the context (`$$`), in a variable (`$x`), in
  a result (ResultSelector), nor what a Choice asks about with IsPresent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

_MEMBER: Final = re.compile(r"(?<![\w$])\$(?:\.([A-Za-z_]\w*)|\['([^'\\]+)'\])")
_TEMPLATES: Final = ("Parameters", "ItemSelector")
_PATHS: Final = ("InputPath", "ItemsPath", "SecondsPath", "TimestampPath", "TimeoutSecondsPath", "HeartbeatSecondsPath")


class Read(NamedTuple):
    """A member that is read, and where; `beside_all` says that the same template takes the whole input too."""

    member: str
    location: str
    beside_all: bool = False


def reads(state: Mapping[str, Any], location: str) -> Iterator[Read]:
    """The reads of one state, in the order of their fields."""
    for name in _PATHS:
        # With an InputPath, all other fields read what that gives.
        if name == "ItemsPath" and "ItemReader" in state:
            continue  # it leads into what is read
        if name == "InputPath" or _reads_raw(state):
            yield from _members(state.get(name), f"{location}/{name}")
    if not _reads_raw(state):
        return
    for name in _TEMPLATES:
        if isinstance(state.get(name), Mapping):
            whole = any(key.endswith(".$") and value == "$" for key, value in state[name].items())
            for found in _template(state[name], f"{location}/{name}"):
                yield found._replace(beside_all=whole)
    asked_about = _asked_about(state.get("Choices"))
    for index, choice in enumerate(state.get("Choices") or ()):
        if isinstance(choice, Mapping):
            yield from _rule(choice, f"{location}/Choices[{index}]", asked_about)


def _reads_raw(state: Mapping[str, Any]) -> bool:
    return bool(state.get("InputPath", "$") == "$")


def _members(path: object, location: str) -> Iterator[Read]:
    if isinstance(path, str) and path.startswith(("$", "States.")):
        for match in _MEMBER.finditer(path):
            yield Read(match[1] or match[2], location)


def _template(template: object, location: str) -> Iterator[Read]:
    if isinstance(template, Mapping):
        for name, value in template.items():
            if isinstance(name, str) and name.endswith(".$"):
                yield from _members(value, f"{location}/{name}")
            else:
                yield from _template(value, f"{location}/{name}")
    elif isinstance(template, list):
        for index, value in enumerate(template):
            yield from _template(value, f"{location}[{index}]")


def _rule(rule: Mapping[str, Any], location: str, asked_about: frozenset[str]) -> Iterator[Read]:
    for name, value in rule.items():
        if name == "Variable" or name.endswith("Path"):
            yield from (found for found in _members(value, f"{location}/{name}") if found.member not in asked_about)
        elif name == "Not" and isinstance(value, Mapping):
            yield from _rule(value, f"{location}/Not", asked_about)
        elif name in ("And", "Or") and isinstance(value, list):
            for index, inner in enumerate(value):
                if isinstance(inner, Mapping):
                    yield from _rule(inner, f"{location}/{name}[{index}]", asked_about)


def _asked_about(rules: object) -> frozenset[str]:
    """The members that some rule asks about with IsPresent."""
    found: set[str] = set()
    pending = [rules]
    while pending:
        rule = pending.pop()
        if isinstance(rule, Mapping):
            if "IsPresent" in rule:
                found.update(read.member for read in _members(rule.get("Variable"), ""))
            pending.extend(rule.values())
        elif isinstance(rule, list):
            pending.extend(rule)
    return frozenset(found)
