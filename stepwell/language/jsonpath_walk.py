"""One evaluation of a JSONPath: its root document, its allowance, and the mark of what is not there.

Rules that must stay true here:
- MISSING is no JSON value; it never reaches a document.
- A walk is used for one evaluation and thrown away.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from stepwell.language.errors import QueryError
from stepwell.language.jsonpath_steps import Query
from stepwell.language.opaque import REASON, is_opaque
from stepwell.language.values import Json

# Values that one evaluation may look at. A document of 256 KiB holds some 130,000 at most.
ALLOWANCE = 500_000


class Missing(enum.Enum):
    """The type of MISSING, so that a type checker can tell it from values."""

    MISSING = enum.auto()


MISSING: Final = Missing.MISSING
Found: TypeAlias = "Json | Literal[Missing.MISSING]"


class Walk:
    """`root` is what `$` stands for inside filters; `opaque` is that of the scope."""

    __slots__ = ("_left", "opaque", "root")

    def __init__(self, root: Json, opaque: str | None = None) -> None:
        self.root = root
        self.opaque = opaque
        self._left = ALLOWANCE

    def pay(self, count: int) -> None:
        """Take `count` values out of the allowance. Raises QueryError when it is spent."""
        self._left -= count
        if self._left < 0:
            raise QueryError(f"The JSONPath selects more than {ALLOWANCE} values")

    def compares(self, *sides: Found) -> None:
        """A filter compares these. Raises QueryError where one of them must not be looked into."""
        if self.opaque is not None and any(is_opaque(side, self.opaque) for side in sides):
            raise QueryError(f"The filter of a JSONPath cannot be tested: {REASON}")


Answer: TypeAlias = Callable[[Json, Walk], Found]
CompileQuery: TypeAlias = Callable[[Query], Answer]
