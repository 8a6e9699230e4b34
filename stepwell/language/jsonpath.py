"""JSONPath as AWS uses it: `$` for the data, `$$` for the context object, `$name` for a variable.

Rules that must stay true here:
- A path is parsed once, when a definition is compiled; `evaluate` and `find` only walk.
- A definite path gives the value itself; any other gives a list, empty where nothing matches or a member on the way is
  missing, as the recorded cases show.
- Causes are worded as the Jayway library and AWS word them; users match on them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from stepwell.language.errors import QueryError
from stepwell.language.java_text import java_text
from stepwell.language.jsonpath_select import compile_steps
from stepwell.language.jsonpath_steps import Index, Name, Step, is_definite, may_repeat
from stepwell.language.jsonpath_syntax import PathParser
from stepwell.language.jsonpath_walk import MISSING, Found, Walk
from stepwell.language.scope import Scope
from stepwell.language.values import Json

__all__ = ["MISSING", "Found", "Path", "compile_path"]

_Root: TypeAlias = Callable[[Scope], Found]
_Find: TypeAlias = Callable[[Scope], Found]


class Path:
    """A compiled path.

    `text` is its source; `definite` says that it leads to one value at most. `find(scope)` is what the path leads to,
    or MISSING; it raises QueryError where the walk fails or runs away.
    """

    __slots__ = ("_root", "_steps", "definite", "find", "text")

    def __init__(self, text: str, root: _Root, steps: tuple[Step, ...], find: _Find) -> None:
        self.text = text
        self.definite = is_definite(steps)
        self.find = find
        self._root = root
        self._steps = steps

    def evaluate(self, scope: Scope) -> Json:
        """What the path leads to. Raises QueryError where a definite path leads nowhere."""
        value = self.find(scope)
        if value is MISSING:
            raise self._nowhere(scope)
        return value

    def _nowhere(self, scope: Scope) -> QueryError:
        document = self._root(scope)
        if document is None:
            return QueryError("Unable to apply Path transformation to null or empty input.")
        return QueryError(f"Invalid path '{self.text}' : {_reason(document, self._steps)}")


def compile_path(text: str) -> Path:
    """The compiled path. Raises SyntaxFault."""
    root_name, steps = PathParser(text).parse()
    root = _root(root_name)
    chain = _chain(steps)
    if chain is None:
        find = _find_by_steps(root, steps)
    elif root_name == "$":
        find = _find_in_input(chain)
    else:
        find = _find_by_chain(root, chain)
    return Path(text, root, steps, find)


def _root(name: str) -> _Root:
    if name == "$":
        return lambda scope: scope.input
    if name == "$$":
        return lambda scope: scope.context
    variable = name[1:]
    return lambda scope: scope.variables.get(variable, MISSING)


def _chain(steps: tuple[Step, ...]) -> tuple[str | int, ...] | None:
    """Names and indexes alone, which is what nearly every path is made of; None where there is more."""
    chain: list[str | int] = []
    for step in steps:
        if isinstance(step, Name):
            chain.append(step.name)
        elif isinstance(step, Index):
            chain.append(step.index)
        else:
            return None
    return tuple(chain)


def _find_in_input(chain: tuple[str | int, ...]) -> _Find:
    """The shortest ways for the commonest paths."""
    if not chain:
        return lambda scope: scope.input
    if len(chain) == 1 and isinstance(chain[0], str):
        name = chain[0]

        def find_member(scope: Scope) -> Found:
            try:
                return scope.input[name]  # type: ignore[index, call-overload]
            except (KeyError, TypeError):
                return MISSING

        return find_member

    def find(scope: Scope) -> Found:
        value: Json = scope.input
        try:
            for step in chain:
                value = value[step]  # type: ignore[index]
        except (KeyError, IndexError, TypeError):  # no such member or item, or no object or array
            return MISSING
        if value.__class__ is str and len(value) == 1:
            # Python takes an index into a string too, and then can only end here: look again, with more care.
            return _follow(scope.input, chain)
        return value

    return find


def _find_by_chain(root: _Root, chain: tuple[str | int, ...]) -> _Find:
    return lambda scope: _follow(root(scope), chain)


def _follow(value: Found, chain: tuple[str | int, ...]) -> Found:
    try:
        for step in chain:
            # A string can be indexed in Python, but not in JSONPath.
            if step.__class__ is int and value.__class__ is not list:
                return MISSING
            value = value[step]  # type: ignore[index]
    except (KeyError, IndexError, TypeError):
        return MISSING
    return value


def _find_by_steps(root: _Root, steps: tuple[Step, ...]) -> _Find:
    select = compile_steps(steps)
    definite, repeats = is_definite(steps), may_repeat(steps)

    def find(scope: Scope) -> Found:
        document = root(scope)
        if document is MISSING:
            return MISSING if definite else []
        walk = Walk(document, scope)
        values = select([document], walk)
        walk.settle()
        if not definite:
            return walk.hands_on(values) if repeats else values
        return values[0] if values else MISSING

    return find


def _reason(value: Found, steps: tuple[Step, ...]) -> str:
    """Why a definite path leads nowhere, in Jayway's words."""
    place = "$"
    for step in steps:
        last = step is steps[-1]
        if isinstance(step, Index):
            if value is None:
                return f"The path {place} is null"
            if not isinstance(value, list):
                shown = "" if value is MISSING else java_text(value)
                return f"Filter: [{step.index}] can only be applied to arrays. Current context is: {shown}"
            place += f"[{step.index}]"
            if not -len(value) <= step.index < len(value):
                break
            value = value[step.index]
        elif isinstance(step, Name):
            if not isinstance(value, dict):
                return (
                    f"Expected to find an object with property ['{step.name}'] in path {place} but found "
                    f"'{_java_class(value)}'. This is not a json object according to the JsonProvider: "
                    "'com.jayway.jsonpath.spi.json.JacksonJsonProvider'."
                )
            place += f"['{step.name}']"
            if step.name not in value:
                return f"{'No results for' if last else 'Missing property in'} path{':' if last else ''} {place}"
            value = value[step.name]
    return f"No results for path: {_normalised(steps)}"


def _normalised(steps: tuple[Step, ...]) -> str:
    return "$" + "".join(
        f"['{step.name}']" if isinstance(step, Name) else f"[{step.index}]" if isinstance(step, Index) else ""
        for step in steps
    )


def _java_class(value: Found) -> str:
    if isinstance(value, bool):
        return "java.lang.Boolean"
    if isinstance(value, int):
        if -(2**31) <= value < 2**31:
            return "java.lang.Integer"
        return "java.lang.Long" if -(2**63) <= value < 2**63 else "java.math.BigInteger"
    names = {str: "java.lang.String", float: "java.lang.Double", list: "java.util.ArrayList"}
    return names.get(type(value), "null")
