"""Fields of a JSONata state that take one type only: numbers, texts, conditions, items, times.

Rules that must stay true here:
- A field answers with a value of its type or fails with AWS's sentence.
- A number is whole where its field takes whole numbers: `3.0` is.
"""

from __future__ import annotations

from typing import NoReturn

from msgspec import Struct

from stepwell.language.errors import QUERY_EVALUATION_ERROR, QueryError
from stepwell.language.jsonata.expression import Evaluated
from stepwell.language.model import Expression
from stepwell.language.scope import Scope
from stepwell.language.timestamp import parse_timestamp
from stepwell.language.values import Json, dumps


class WholeNumber(Struct, frozen=True):
    """A field such as TimeoutSeconds: a whole number from `low` to `high`."""

    expression: Evaluated
    low: int
    high: int

    def evaluate(self, scope: Scope) -> int:
        """The number. Raises QueryError."""
        value = self.expression.evaluate(scope)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int | float) or isinstance(value, bool):
            self.expression.refuse("number", value)
        name = self.expression.field
        if not isinstance(value, int):
            _refuse(f"The {name} field must be an integer but was: {dumps(value)}", name)
        if value > self.high:
            _refuse(f"{name} cannot be greater than {self.high}.", name)
        if value < self.low:
            _refuse(f"{name} {'cannot be negative' if self.low == 0 else 'must be positive'}.", name)
        return value


class Text(Struct, frozen=True):
    """Error and Cause of a Fail state."""

    expression: Evaluated

    def evaluate(self, scope: Scope) -> str:
        """The text. Raises QueryError."""
        value = self.expression.evaluate(scope)
        if not isinstance(value, str):
            self.expression.refuse("string", value)
        return value


class Items(Struct, frozen=True):
    """Items of a Map: an expression, or an array with expressions in it."""

    expression: Expression

    def evaluate(self, scope: Scope) -> list[Json]:
        """The items. Raises QueryError."""
        value = self.expression.evaluate(scope)
        if not isinstance(value, list):
            assert isinstance(self.expression, Evaluated)  # a literal is an array, the definition was checked
            self.expression.refuse("array", value)
        return value


class InputItems:
    """What a Map without Items iterates over: its input."""

    __slots__ = ()

    def evaluate(self, scope: Scope) -> list[Json]:
        """The items. Raises QueryError."""
        if not isinstance(scope.input, list):
            raise QueryError(f"Map state input must be an array but was: {dumps(scope.input)}", QUERY_EVALUATION_ERROR)
        return scope.input


class Condition(Struct, frozen=True):
    """Condition of a Choice rule: an expression that must give a boolean."""

    expression: Evaluated

    def matches(self, scope: Scope) -> bool:
        """Whether the condition holds. Raises QueryError."""
        value = self.expression.evaluate(scope)
        if not isinstance(value, bool):
            self.expression.refuse("boolean", value)
        return value


class Always(Struct, frozen=True):
    """A Condition that is written as a boolean."""

    holds: bool

    def matches(self, scope: Scope) -> bool:
        """The boolean."""
        return self.holds


class Seconds(Struct, frozen=True):
    """Seconds of a Wait state."""

    number: WholeNumber

    def until(self, scope: Scope, now: int) -> int:
        """The end of the wait. Raises QueryError."""
        return now + self.number.evaluate(scope) * 1000


class Timestamp(Struct, frozen=True):
    """Timestamp of a Wait state."""

    text: Text

    def until(self, scope: Scope, now: int) -> int:
        """The end of the wait, in whole seconds. Raises QueryError."""
        value = self.text.evaluate(scope)
        try:
            time = parse_timestamp(value)
        except ValueError:
            raise QueryError(
                f"The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: {value}",
                QUERY_EVALUATION_ERROR,
                self.text.expression.field,
                late=True,
            ) from None
        return time - time % 1000


def _refuse(cause: str, field: str) -> NoReturn:
    raise QueryError(cause, QUERY_EVALUATION_ERROR, field)
