"""How many failed iterations a Map bears: ToleratedFailureCount and ToleratedFailurePercentage.

Rules that must stay true here:
- A share is written as a number from 0 to 100, and need not be whole.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from stepwell.language.definition import jsonata
from stepwell.language.definition.legal import JSONATA, QueryLanguage
from stepwell.language.definition.node import Node
from stepwell.language.definition.number import read_whole
from stepwell.language.definition.payload import read_path
from stepwell.language.errors import QUERY_EVALUATION_ERROR, QueryError
from stepwell.language.fields import Literal
from stepwell.language.java_text import java_text
from stepwell.language.jsonpath import Path
from stepwell.language.model import Expression
from stepwell.language.scope import Scope

_SHARE: Final = "ToleratedFailurePercentage"
_MOST: Final = 100
_NUMBER: Final = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?")


class Percentage(Struct, frozen=True):
    """A share that is known at run time. `error` is the name of the error of a value that is none."""

    expression: Expression
    error: str

    def evaluate(self, scope: Scope) -> float:
        """The share. Raises QueryError."""
        value = self.expression.evaluate(scope)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise QueryError(f"The {_SHARE} field must be a number but was: {java_text(value)}", self.error)
        if not 0 <= value <= _MOST:
            raise QueryError(f"{_SHARE} must be between 0 and {_MOST}.", self.error)
        return float(value)


class PercentagePath(Struct, frozen=True):
    """ToleratedFailurePercentagePath: a path that must lead to a share."""

    path: Path

    def evaluate(self, scope: Scope) -> float:
        """The share. Raises QueryError."""
        value = self.path.evaluate(scope)
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            value = float(value)  # recorded: AWS takes a text that is a number
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise QueryError(
                f'The {_SHARE}Path field refers to value "{java_text(value)}" which is not a valid float: '
                f"{self.path.text}"
            )
        if not 0 <= value <= _MOST:
            raise QueryError(f"{_SHARE} must be between 0 and {_MOST}.")
        return float(value)


def read_tolerated_count(node: Node, language: QueryLanguage) -> Expression | None:
    """ToleratedFailureCount, or its path."""
    return read_whole(node, "ToleratedFailureCount", language, 0)


def read_tolerated_percentage(node: Node, language: QueryLanguage) -> Expression | None:
    """ToleratedFailurePercentage, or its path."""
    if language == JSONATA and jsonata.is_expression(node, _SHARE):
        expression = jsonata.read_expression(node, _SHARE)
        return None if expression is None else Percentage(expression, QUERY_EVALUATION_ERROR)
    node.at_most_one(_SHARE, f"{_SHARE}Path")
    path = read_path(node, f"{_SHARE}Path")
    if path is not None:
        return PercentagePath(path)
    share = node.number(_SHARE, 0, _MOST)
    return None if share is None else Literal(float(share))
