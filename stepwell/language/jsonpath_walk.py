"""One evaluation of a JSONPath: its root document, its allowance, and the mark of what is not there.

Rules that must stay true here:
- MISSING is no JSON value; it never reaches a document.
- A walk is used for one evaluation and thrown away.
- What it looks at counts for its whole scope: many paths may look at no more than a few.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from stepwell.language.errors import QueryError
from stepwell.language.jsonpath_steps import Query
from stepwell.language.opaque import REASON, is_opaque
from stepwell.language.scope import FEW, Scope
from stepwell.language.values import Json

# Values that one evaluation may look at. A document of 256 KiB holds some 130,000 at most.
ALLOWANCE = 500_000
_OFTEN = 5_000


class Missing(enum.Enum):
    """The type of MISSING, so that a type checker can tell it from values."""

    MISSING = enum.auto()


MISSING: Final = Missing.MISSING
Found: TypeAlias = "Json | Literal[Missing.MISSING]"


class Walk:
    """`root` is what `$` stands for inside filters; `opaque` is that of the scope."""

    __slots__ = ("_left", "_scope", "_since", "opaque", "root")

    def __init__(self, root: Json, scope: Scope) -> None:
        self.root = root
        self.opaque = scope.opaque
        self._scope = scope
        self._left = ALLOWANCE
        self._since = 0

    def pay(self, count: int) -> None:
        """Take `count` values out of the allowance. Raises QueryError when it is spent."""
        self._left -= count
        if self._left < 0:
            raise QueryError(f"The JSONPath selects more than {ALLOWANCE} values")
        self._since += count
        if self._since > _OFTEN:
            self.settle()

    def settle(self) -> None:
        """Tell the scope what was looked at. Raises QueryError and Overrun as that does."""
        since, self._since = self._since, 0
        self._scope.look(since)

    def hands_on(self, values: list[Json]) -> list[Json]:
        """Values that were selected, possibly the same many times. Raises QueryError where their text is too long."""
        if len(values) > FEW:
            for value in values:
                self._scope.weighed(value)
        return values

    def compares(self, *sides: Found) -> None:
        """A filter compares these. Raises QueryError where one of them must not be looked into."""
        if self.opaque is not None and any(is_opaque(side, self.opaque) for side in sides):
            raise QueryError(f"The filter of a JSONPath cannot be tested: {REASON}")


Answer: TypeAlias = Callable[[Json, Walk], Found]
CompileQuery: TypeAlias = Callable[[Query], Answer]
