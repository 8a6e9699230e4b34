"""Single fields that hold a value or a path to one: whole numbers, strings, the items of a Map.

Rules that must stay true here:
- A field answers with a value of its type or fails with AWS's sentence, which quotes the path as it was written.
"""

from __future__ import annotations

import re

from stepwell.language.errors import QueryError
from stepwell.language.java_text import java_text
from stepwell.language.jsonpath import Path
from stepwell.language.model import Expression
from stepwell.language.scope import Scope
from stepwell.language.template import Literal, compile_dynamic
from stepwell.language.values import Json

__all__ = ["ItemsPath", "Literal", "StringField", "WholeNumberPath", "compile_string_path"]

# The largest number of seconds that AWS takes.
LARGEST = 99_999_999

_WHOLE = re.compile(r"-?[0-9]{1,18}")


class WholeNumberPath:
    """TimeoutSecondsPath, HeartbeatSecondsPath, MaxConcurrencyPath: a path that must lead to a whole number."""

    __slots__ = ("_field", "_maximum", "_minimum", "_path")

    def __init__(self, path: Path, field: str, minimum: int = 0, maximum: int = LARGEST) -> None:
        """`field` is the name in the definition, with its `Path`."""
        self._path = path
        self._field = field
        self._minimum = minimum
        self._maximum = maximum

    def evaluate(self, scope: Scope) -> int:
        """The number. Raises QueryError (no result, not a whole number, too small)."""
        value = self._path.evaluate(scope)
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            value = int(value)  # recorded: AWS takes a text that is a whole number
        if not isinstance(value, int) or isinstance(value, bool):
            raise QueryError(
                f'The {self._field} field refers to value "{java_text(value)}" which is not a valid integer: '
                f"{self._path.text}"
            )
        if value > self._maximum:
            raise QueryError(f"{self._field.removesuffix('Path')} cannot be greater than {self._maximum}.")
        if value < self._minimum:
            rule = "cannot be negative" if self._minimum == 0 else "must be positive"
            raise QueryError(f"{self._field.removesuffix('Path')} {rule}.")
        return value


class StringField:
    """ErrorPath and CausePath of a Fail state: a path or an intrinsic call that must give a string."""

    __slots__ = ("_expression", "_field", "_text")

    def __init__(self, expression: Expression, field: str, text: str) -> None:
        self._expression = expression
        self._field = field
        self._text = text

    def evaluate(self, scope: Scope) -> str:
        """The string. Raises QueryError."""
        value = self._expression.evaluate(scope)
        if not isinstance(value, str):
            raise QueryError(
                f'The {self._field} field refers to value "{java_text(value)}" which is not a valid string: '
                f"{self._text}"
            )
        return value


def compile_string_path(text: str, field: str) -> StringField:
    """ErrorPath or CausePath, `field` saying which. Raises SyntaxFault."""
    return StringField(compile_dynamic(text, field), field, text)


class ItemsPath:
    """ItemsPath of a Map: a path that must lead to an array."""

    __slots__ = ("_path",)

    def __init__(self, path: Path) -> None:
        self._path = path

    def evaluate(self, scope: Scope) -> list[Json]:
        """The items. Raises QueryError."""
        value = self._path.evaluate(scope)
        if not isinstance(value, list):
            # AWS writes a path into the context object with one dollar sign here.
            text = self._path.text.removeprefix("$") if self._path.text.startswith("$$") else self._path.text
            raise QueryError(f'Reference path "{text}" must point to array.')
        return value
