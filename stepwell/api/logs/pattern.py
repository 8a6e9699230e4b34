"""Filter patterns of CloudWatch Logs: terms, and conditions on JSON.

See Amazon CloudWatch Logs user guide, "Filter pattern syntax". Patterns of fields between spaces (`[ip, user, ...]`)
and regular expressions (`%...%`) are refused.

Rules that must stay true here:
- A pattern is read once, and then only asked.
- Its length (AWS's) and its nesting are bounded: no pattern takes the stack or the time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import translate
from functools import lru_cache
from typing import Any, Final, TypeAlias

import orjson

Matches: TypeAlias = Callable[[str], bool]
_Condition: TypeAlias = Callable[[Any], bool]
_Path: TypeAlias = Callable[[Any], Any]

_TERM: Final = re.compile(r'\s*([-?]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))')
_TOKEN: Final = re.compile(
    r'\s*(?:(?P<path>\$(?:\.[\w-]+|\[\d+\]|\["[^"]*"\])*)|(?P<text>"(?:[^"\\]|\\.)*")|(?P<sign>&&|\|\||!=|<=|>=|[=<>()])'
    r"|(?P<word>[^\s()&|=<>!]+))"
)
_STEP: Final = re.compile(r'\.([\w-]+)|\[(\d+)\]|\["([^"]*)"\]')
_MISSING: Final = object()
_LONGEST: Final = 1_024  # characters (AWS's quota)
_DEEPEST: Final = 50


class PatternFault(Exception):
    """The pattern cannot be used; the message says why."""


@lru_cache(maxsize=64)
def compile_pattern(pattern: str) -> Matches:
    """What tells whether a line matches. Raises PatternFault."""
    if len(pattern) > _LONGEST:
        raise PatternFault(f"it has {len(pattern):,} characters; a pattern has at most {_LONGEST:,}")
    text = pattern.strip()
    if text.startswith("{"):
        if not text.endswith("}"):
            raise PatternFault("a pattern for JSON ends with a brace")
        condition = _Reader(text[1:-1]).whole()
        return lambda line: _holds(condition, line)
    if text.startswith("[") or "%" in text:
        raise PatternFault("patterns of fields between spaces and regular expressions are not known here")
    return _terms(text)


def _terms(text: str) -> Matches:
    wanted: list[str] = []
    unwanted: list[str] = []
    either: list[str] = []
    place = 0
    while place < len(text):
        found = _TERM.match(text, place)
        if found is None:
            break
        mark, quoted, bare = found.groups()
        term = bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        {"": wanted, "-": unwanted, "?": either}[mark].append(term)
        place = found.end()
    if wanted:
        either = []  # beside terms that must be there, those that may be are passed over (as AWS does)

    def matches(line: str) -> bool:
        return (
            all(term in line for term in wanted)
            and not any(term in line for term in unwanted)
            and (not either or any(term in line for term in either))
        )

    return matches


def _holds(condition: _Condition, line: str) -> bool:
    if not line.lstrip().startswith(("{", "[")):
        return False
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return condition(value)


class _Reader:
    """Reads a condition: `or` of `and` of comparisons, with parentheses."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        place = 0
        while text[place:].strip():
            found = _TOKEN.match(text, place)
            if found is None:
                raise PatternFault(f"it is not understood from here on: {text[place:].strip()}")
            kind = str(found.lastgroup)
            self._tokens.append((kind, found[kind]))
            place = found.end()
        self._at = 0
        self._depth = 0

    def whole(self) -> _Condition:
        condition = self._any()
        if self._at < len(self._tokens):
            raise PatternFault(f"nothing may follow here: {self._tokens[self._at][1]}")
        return condition

    def _any(self) -> _Condition:
        parts = [self._all()]
        while self._taken("||"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else lambda value: any(part(value) for part in parts)

    def _all(self) -> _Condition:
        parts = [self._one()]
        while self._taken("&&"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda value: all(part(value) for part in parts)

    def _one(self) -> _Condition:
        if self._taken("("):
            self._depth += 1
            if self._depth > _DEEPEST:
                raise PatternFault(f"parentheses are nested more than {_DEEPEST} deep")
            inner = self._any()
            self._depth -= 1
            if not self._taken(")"):
                raise PatternFault("a parenthesis is not closed")
            return inner
        path = _path(self._next("path"))
        kind, sign = self._peek()
        self._at += 1
        if kind == "word" and sign.upper() in ("IS", "NOT"):
            what = f"{sign} {self._next('word')}".upper()
            return _state(path, what)
        if kind != "sign" or sign not in ("=", "!=", "<", "<=", ">", ">="):
            raise PatternFault(f"a comparison is wanted, not {sign!r}")
        kind, operand = self._peek()
        self._at += 1
        if kind not in ("text", "word"):
            raise PatternFault(f"a value is wanted behind {sign}")
        return _comparison(path, sign, operand)

    def _peek(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise PatternFault("it ends too soon")
        return self._tokens[self._at]

    def _next(self, wanted: str) -> str:
        kind, text = self._peek()
        if kind != wanted:
            raise PatternFault(f"{text!r} is not expected here")
        self._at += 1
        return text

    def _taken(self, sign: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == ("sign", sign):
            self._at += 1
            return True
        return False


def _path(text: str) -> _Path:
    """What finds the value at a path; `_MISSING` where there is none."""
    steps: list[str | int] = [
        int(index) if index else name or quoted for name, index, quoted in _STEP.findall(text.removeprefix("$"))
    ]

    def find(value: Any) -> Any:
        for step in steps:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return _MISSING
        return value

    return find


def _state(path: _Path, what: str) -> _Condition:
    if what == "IS NULL":
        return lambda value: path(value) is None
    if what == "NOT EXISTS":
        return lambda value: path(value) is _MISSING
    if what in ("IS TRUE", "IS FALSE"):
        return lambda value: path(value) is (what == "IS TRUE")
    raise PatternFault(f"{what} is not known")


def _comparison(path: _Path, sign: str, operand: str) -> _Condition:
    text = re.sub(r"\\(.)", r"\1", operand[1:-1]) if operand.startswith('"') else operand
    try:
        number = None if operand.startswith('"') else float(operand)
    except ValueError:
        number = None
    if number is not None:
        return _of_number(path, sign, number)
    if sign not in ("=", "!="):
        raise PatternFault(f"{sign} compares numbers, not {text!r}")
    like = re.compile(translate(text.replace("[", "[[]").replace("?", "[?]"))) if "*" in text else None

    def equal(value: Any) -> bool:
        found = path(value)
        if isinstance(found, bool):
            return text == str(found).lower()
        if not isinstance(found, str):
            return False
        return like.fullmatch(found) is not None if like is not None else found == text

    return equal if sign == "=" else lambda value: path(value) is not _MISSING and not equal(value)


def _of_number(path: _Path, sign: str, number: float) -> _Condition:
    def compare(value: Any) -> bool:
        found = path(value)
        if isinstance(found, bool) or not isinstance(found, int | float):
            return False
        match sign:
            case "=":
                return found == number
            case "!=":
                return found != number
            case "<":
                return found < number
            case "<=":
                return found <= number
            case ">":
                return found > number
            case _:
                return found >= number

    return compare
