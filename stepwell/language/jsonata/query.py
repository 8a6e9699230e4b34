"""One JSONata expression, compiled and evaluated by the library jlens.

This is the only file that knows the library, so that another can stand in for it.

Rules that must stay true here:
- An expression sees `$states`, the workflow's variables and AWS's functions, and nothing else: no input document.
- Undefined, null and functions are told apart.
- A hurried evaluation is short whatever the expression does, or it is not begun: it ends with `Overrun`. The library
  counts steps and looks at the clock between them, but some of its own functions are one step however much they do;
  what an expression uses and how much data it can reach decide whether it may begin.
- One that is not hurried gives other threads leave to run, and is bounded in time, depth and memory.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from jlens import Expression as Compiled
from jlens import JlensError

from stepwell.language.errors import Overrun, SyntaxFault
from stepwell.language.jsonata.functions import NAMES, FunctionFault, functions_of
from stepwell.language.scope import Scope
from stepwell.language.values import Json, dumps, loads

_DEPTH: Final = 2_000
_HURRIED: Final = {
    "max_steps": 5_000,
    "max_array_length": 2_000,
    "max_string_length": 1 << 16,
    "max_result_size": 1 << 20,
    "max_depth": _DEPTH,
}
PATIENT: Final = {
    "max_steps": 1_000_000_000,
    "max_array_length": 1_000_000,
    "max_string_length": 1 << 23,
    "max_result_size": 1 << 24,
    "max_depth": _DEPTH,
}
_TOO_MUCH: Final = frozenset({"D1012", "U1001", "U1006"})  # time, memory, steps

_NAME: Final = re.compile(r"\$([^\W\d]\w*)")
_PATH: Final = re.compile(r"\$([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*)*)", re.ASCII)
_KEYWORDS: Final = frozenset({"and", "or", "in", "true", "false", "null", "function"})
# A range and a padding make much of nothing: these are the small ones, where the text itself says so.
_SMALL_MAKER: Final = re.compile(r"\[\s*\d{1,3}\s*\.\.\s*\d{1,3}\s*\]|\$pad\([^,()]*,\s*-?\d{1,4}\s*[,)]")
_MAKER: Final = re.compile(r"\.\.|\$pad\b")
_SLOW: Final = re.compile(r"\*\*|\$(?:distinct|keys|merge|sort|shuffle|zip|spread|encodeUrl|encodeUrlComponent)\b")
_SMALL: Final = 4_000  # characters of JSON, that a function of more than linear time may meet in a hurry
_LARGE: Final = 64_000  # characters of JSON, that any function may meet in a hurry

# The states object and the variables come in as the input, which the library reads as far as it must, where bindings
# are converted whole. The result in an object tells undefined from null, its type tells a function from undefined.
_RESULT: Final = '{"v":$r,"t":$type($r)}'
_PARSE: Final = "$parse:=function($t){$parse_($t).v};"


class QueryFault(Exception):
    """An expression has no value; the text is the end of AWS's sentence ("returned nothing (undefined).")."""


class Query:
    """A compiled expression. `source` is its text, without delimiters and outer blanks; `names` are the variables that
    it refers to: those that it does not bind itself, without `$states` and functions."""

    __slots__ = (
        "_compiled",
        "_functions",
        "_hides",
        "_makes_much",
        "_members",
        "_path",
        "_slow",
        "names",
        "source",
    )

    def __init__(self, source: str) -> None:
        """Raises SyntaxFault."""
        self.source = source.strip()
        try:
            # By itself first, so that no text can close the parentheses that are put around it.
            reads = Compiled(self.source).reads()
        except JlensError as fault:
            raise SyntaxFault(f"{fault.code}: {fault}") from None
        except UnicodeEncodeError:
            raise SyntaxFault("the text holds half of a character (a lone surrogate)") from None
        free: dict[str, Any] = dict(reads["bindings"])
        states = free.pop("states", {})
        self._members: frozenset[str] | None = None if states is True else frozenset(states)
        mentioned = frozenset(_NAME.findall(self.source)) - {"states"}
        self._functions = mentioned & NAMES
        self.names = tuple(sorted(free.keys() - NAMES))
        self._hides = mentioned - free.keys() | self._functions  # what a variable of that name would hide
        self._path = self._find_path()
        self._makes_much = _MAKER.search(_SMALL_MAKER.sub("", self.source)) is not None
        self._slow = _SLOW.search(self.source) is not None
        # An expression that looks at the input document would see the wrapper's: it is compiled when it is evaluated.
        try:
            self._compiled = None if reads.get("input") else Compiled(self._wrapped(bound=False))
        except JlensError as fault:  # what stands open at the end of the text is closed by its surroundings, or not
            raise SyntaxFault(f"{fault.code}: {fault}") from None

    def evaluate(self, scope: Scope) -> Json:
        """The value. Raises QueryFault, and Overrun where the scope is in a hurry."""
        if self._path is not None:
            found = self._follow(scope)
            if found is not None:
                return found[0]
        seconds = scope.patience.seconds()
        hurried = scope.patience.hurried
        if hurried and (seconds <= 0 or self._may_take_long(scope)):
            raise Overrun
        try:
            result = self._evaluate(scope, hurried, max(seconds, 0.001))
        except JlensError as fault:
            if hurried and fault.code in _TOO_MUCH:
                raise Overrun from None
            raise QueryFault(f"threw an error during evaluation. {fault.code}: {fault}") from None
        except FunctionFault as fault:
            raise QueryFault(f"threw an error during evaluation. {fault}") from None
        except (TypeError, ValueError, OverflowError, RecursionError) as fault:  # data that the library cannot take
            raise QueryFault(f"threw an error during evaluation. U1001: {fault}") from None
        if "v" in result:
            return result["v"]
        raise QueryFault("returned an unsupported result type." if "t" in result else "returned nothing (undefined).")

    def _evaluate(self, scope: Scope, hurried: bool, seconds: float) -> dict[str, Json]:
        states = self._states(scope)
        variables = {name: scope.variables[name] for name in self.names if name in scope.variables}
        hidden = {name: scope.variables[name] for name in self._hides if name in scope.variables}
        bindings: dict[str, object] = dict(functions_of(scope, self._functions - hidden.keys()))
        if "parse" in bindings:
            bindings["parse_"] = bindings.pop("parse")
        compiled = self._compiled
        document: Json = {"s": states, "v": variables}
        if compiled is None or hidden:
            compiled = Compiled(self._wrapped(bound=True))
            bindings.update(variables)
            bindings.update(hidden)
            bindings["states"] = states
            document = None
        options: dict[str, Any] = {"timeout": seconds, "now": scope.now}
        if "shuffle" in self._hides:
            options["seed"] = int(scope.randomness.uniform() * (1 << 53))
        if hurried:
            found: dict[str, Json] = compiled.evaluate(document, bindings, **options, **_HURRIED)
            return found
        text = compiled.evaluate_json(None if document is None else dumps(document), bindings, **options, **PATIENT)
        value = loads(text or "{}")
        assert isinstance(value, dict)
        return value

    def _wrapped(self, *, bound: bool) -> str:
        """The expression with its surroundings; `bound` says that variables come as bindings, not in the input."""
        opening = _PARSE if "parse" in self._functions else ""
        if not bound:
            opening += "$states:=s;" + "".join(f"${name}:=v.`{name}`;" for name in self.names)
        # No parentheses around it: the grammar takes no regular expression straight after one, and `:=` binds loosest.
        return f"({opening}$r:={self.source};{_RESULT})"

    def _states(self, scope: Scope) -> dict[str, Json]:
        """`$states`, as far as the expression reads it."""
        members = self._members
        states: dict[str, Json] = {}
        if members is None or "input" in members:
            states["input"] = scope.input
        if members is None or "context" in members:
            states["context"] = scope.context
        return {**states, **scope.outcome} if scope.outcome else states

    def _may_take_long(self, scope: Scope) -> bool:
        return self._makes_much or scope.size > (_SMALL if self._slow else _LARGE)

    # -- plain paths: what nearly every expression is

    def _find_path(self) -> tuple[str, ...] | None:
        match = _PATH.fullmatch(self.source)
        if match is None or (match[1] != "states" and match[1] not in self.names):
            return None
        path = (match[1], *match[2].split(".")[1:])
        return None if _KEYWORDS.intersection(path) or path == ("states",) else path

    def _follow(self, scope: Scope) -> tuple[Json] | None:
        """What a plain path leads to through objects; None where an array is on its way, or there is no such member.

        The value is the very object that came in: nothing is copied, and large whole numbers stay exact.
        """
        path = self._path
        assert path is not None
        value: Json
        if path[0] == "states":
            place: Mapping[str, Json] = scope.outcome
            if path[1] == "input":
                value = scope.input
            elif path[1] == "context":
                value = scope.context
            elif path[1] in place:
                value = place[path[1]]
            else:
                return None
            rest = path[2:]
        elif path[0] in scope.variables:
            value, rest = scope.variables[path[0]], path[1:]
        else:
            return None
        for name in rest:
            if not isinstance(value, dict) or name not in value:
                return None
            value = value[name]
        return (value,)
