"""Marks: which parts of an input are secret, as a tag, a setting or a job's schema says it.

A text of marks is a list of entries, separated by blanks. An entry is a path, then, where something keeps the value
fresh, `=` and the name of a function, then, where the value itself does not say when it ends, `@` and a lifetime:

    jwt_token   $.database.password   api_token=RefreshToken   session=RefreshSession@15m

A path is a JSONPath; `$.` may be left out, for tags of AWS cannot hold it. A name means a member also in each object of
an array that stands in its place. `*password*` means every member, at any depth, with a name like it.

Rules that must stay true here:
- Nothing is secret unless it is marked.
- An object or an array that is marked is secret in all of its values; its names and its shape are not.
- What cannot be understood is an error, never a mark that marks nothing.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Final, TypeAlias

from msgspec import Struct

from stepwell.language.errors import SyntaxFault
from stepwell.language.jsonpath_steps import Descend, Index, Name, Names, Step, Wildcard
from stepwell.language.jsonpath_syntax import PathParser
from stepwell.language.values import Json

_ENTRY: Final = re.compile(r"(?:\[[^\]]*\]|\S)+")
_BRACKETS: Final = re.compile(r"\[[^\]]*\]")
_REFRESHED: Final = re.compile(
    r"(?P<path>.*[^=\s])=(?P<function>[A-Za-z0-9_:$-]+)(?:@(?P<count>\d{1,6})(?P<unit>[smhd]))?"
)
_PATTERN: Final = re.compile(r"[\w?-]*\*[\w*?-]*")
_UNITS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


class MarkError(ValueError):
    """A text of marks cannot be understood; the message quotes the entry and says what it may be."""


class Mark(Struct, frozen=True):
    """`refresher` is the name of a function; `lifetime` is in milliseconds, None where the value tells its end."""

    path: str
    steps: tuple[Step, ...] = ()
    pattern: str | None = None
    refresher: str | None = None
    lifetime: int | None = None


Seal: TypeAlias = Callable[[Json, Mark], str]
"""Seals one value that is neither object nor array; answers what stands in its place."""


@lru_cache(256)
def parse_marks(text: str) -> tuple[Mark, ...]:
    """The marks of a text. Raises MarkError."""
    entries = _ENTRY.findall(text)
    if not entries:
        raise MarkError("There is no path. Name the members that are secret, as in: jwt_token database.password")
    return tuple(dict.fromkeys(_mark(entry) for entry in entries))  # each is a walk over the whole input


def _mark(entry: str) -> Mark:
    found = _REFRESHED.fullmatch(entry)
    if found is None and "=" in _BRACKETS.sub("", entry):
        raise MarkError(f"{entry!r}: what keeps a value fresh is written PATH=FUNCTION or PATH=FUNCTION@15m.")
    path = found["path"] if found else entry
    refresher = found["function"] if found else None
    lifetime = int(found["count"]) * _UNITS[found["unit"]] if found and found["count"] else None
    if _PATTERN.fullmatch(path):
        return Mark(path, (), path.lower(), refresher, lifetime)
    written = path if path.startswith("$") else f"$.{path}"
    try:
        root, steps = PathParser(written).parse()
    except SyntaxFault as fault:
        raise MarkError(f"{entry!r} is no path to a secret value: {fault.message}") from None
    if root != "$" or not all(_is_plain(step) for step in steps):
        raise MarkError(
            f"{entry!r} is no path to a secret value: it may have names, indexes, wildcards and '..', no filters,"
            " slices or functions."
        )
    return Mark(written, steps, None, refresher, lifetime)


def _is_plain(step: Step) -> bool:
    if isinstance(step, Descend):
        return isinstance(step.step, Name | Names)
    return isinstance(step, Name | Names | Index | Wildcard)


def take_out(value: Json, marks: Sequence[Mark], seal: Seal) -> Json:
    """The value with everything that is marked replaced by what `seal` answers.

    Null and the empty text are no secrets. Raises RecursionError where the value is nested too deeply.
    """
    for mark in marks:
        if mark.pattern is None:
            value = _at(value, mark.steps, mark, seal)
        else:
            value = _below(value, partial(_is_like, mark.pattern), (), mark, seal)
    return value


def _is_like(pattern: str, name: str) -> bool:
    return fnmatch.fnmatchcase(name.lower(), pattern)


def _at(value: Json, steps: tuple[Step, ...], mark: Mark, seal: Seal) -> Json:
    if not steps:
        return _sealed(value, mark, seal)
    step, rest = steps[0], steps[1:]
    if isinstance(step, Descend):
        return _below(value, _names(step.step).__contains__, rest, mark, seal)
    if isinstance(value, dict):
        if isinstance(step, Wildcard):
            return {name: _at(member, rest, mark, seal) for name, member in value.items()}
        changed = {name: _at(value[name], rest, mark, seal) for name in _names(step) if name in value}
        return {**value, **changed} if changed else value
    if isinstance(value, list):
        if isinstance(step, Index):
            place = step.index + len(value) if step.index < 0 else step.index
            return [_at(item, rest, mark, seal) if index == place else item for index, item in enumerate(value)]
        inner = rest if isinstance(step, Wildcard) else steps
        return [_at(item, inner, mark, seal) for item in value]
    return value


def _names(step: Step) -> tuple[str, ...]:
    return (step.name,) if isinstance(step, Name) else step.names if isinstance(step, Names) else ()


def _below(value: Json, wanted: Callable[[str], bool], rest: tuple[Step, ...], mark: Mark, seal: Seal) -> Json:
    """Every member, at any depth, whose name is wanted."""
    if isinstance(value, list):
        return [_below(item, wanted, rest, mark, seal) for item in value]
    if isinstance(value, dict):
        members = {name: _below(member, wanted, rest, mark, seal) for name, member in value.items()}
        return {name: _at(member, rest, mark, seal) if wanted(name) else member for name, member in members.items()}
    return value


def _sealed(value: Json, mark: Mark, seal: Seal) -> Json:
    if isinstance(value, dict):
        return {name: _sealed(member, mark, seal) for name, member in value.items()}
    if isinstance(value, list):
        return [_sealed(item, mark, seal) for item in value]
    return value if value is None or value == "" else seal(value, mark)
