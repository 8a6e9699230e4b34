"""A call of an intrinsic function, ready to run.

Rules that must stay true here:
- A function gets plain values and gives a plain value or raises `Failure`; it never sees paths or the history.
- The cause of every failure quotes the whole call as it stands in the definition.
- What a call is given and what it makes count for its scope: many calls may do no more than a few.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from stepwell.language import opaque
from stepwell.language.errors import QueryError
from stepwell.language.jsonpath import MISSING, Path
from stepwell.language.opaque import is_opaque
from stepwell.language.scope import Randomness, Scope
from stepwell.language.values import Json, dumps

# So many characters cost as much as one value.
_CHARACTERS = 10

Body: TypeAlias = Callable[["list[Json]", Randomness], Json]


class Failure(Exception):
    """A function cannot work on its arguments; the text says why."""


class Value:
    """A literal argument."""

    __slots__ = ("value",)

    def __init__(self, value: Json) -> None:
        self.value = value

    def evaluate(self, scope: Scope) -> Json:
        """The literal."""
        return self.value


class Reference:
    """A path as an argument. `weighed` says that what it leads to counts: it is one of many in a call."""

    __slots__ = ("path", "weighed")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.weighed = False

    def evaluate(self, scope: Scope) -> Json:
        """What the path leads to. Raises QueryError, not yet framed."""
        value = self.path.find(scope)
        if value is MISSING:
            raise QueryError(
                f"The JsonPath argument for the field '{self.path.text}' could not be found in the input "
                f"'{dumps(scope.input)}'"
            )
        return scope.weighed(value) if self.weighed else value


class Call:
    """A function with its arguments. Inner calls are arguments too. `looks` is that of the function."""

    __slots__ = ("_arguments", "_body", "_looks")

    def __init__(self, body: Body, arguments: tuple[Value | Reference | Call, ...], looks: bool = False) -> None:
        self._body = body
        self._arguments = arguments
        self._looks = looks

    def evaluate(self, scope: Scope) -> Json:
        """The result. Raises Failure, or QueryError where a path leads nowhere."""
        arguments = [argument.evaluate(scope) for argument in self._arguments]
        if scope.opaque is not None and self._looks and is_opaque(arguments, scope.opaque):
            raise Failure(opaque.REASON)
        result = self._body(arguments, scope.randomness)
        scope.look(_effort(arguments) + _effort((result,)))
        return scope.weighed(result) if result.__class__ is str else result


def _effort(values: Sequence[Json]) -> int:
    """As how many values these count."""
    effort = len(values)
    for value in values:
        if isinstance(value, str):
            effort += len(value) // _CHARACTERS
        elif isinstance(value, list | dict):
            effort += len(value)
    return effort


Argument: TypeAlias = Value | Reference | Call


class Intrinsic:
    """The outermost call: the expression that a definition holds. `text` is its source."""

    __slots__ = ("_call", "text")

    def __init__(self, text: str, call: Call) -> None:
        self.text = text
        self._call = call

    def evaluate(self, scope: Scope) -> Json:
        """The result. Raises QueryError: States.IntrinsicFailure, or States.Runtime where a path leads nowhere."""
        try:
            return self._call.evaluate(scope)
        except QueryError as error:
            raise QueryError(self._framed(error.cause), error.error) from None
        except Failure as failure:
            raise QueryError(self._framed(str(failure)), "States.IntrinsicFailure") from None

    def _framed(self, reason: str) -> str:
        return f"The function '{self.text}' had the following error: {reason}"
