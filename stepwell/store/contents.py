"""What is asked of the rows of a store by those who know what they mean.

Rules that must stay true here:
- The store hands out rows, and knows nothing of what is in them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec import Struct

Value: TypeAlias = bytes | int | None
"""What is in a column: texts come as their bytes, which may have become anything."""


class Unsound(ValueError):
    """A row does not hold what was written to it."""


class Content(Struct, frozen=True):
    """Rows of a `table` that can be looked into. `owner` is the column with the key of their execution, None where they
    have none. `check` gets what is in `columns`, and answers with the hashes of the large texts of the execution that
    the row refers to; it raises whatever the damage makes of it. `name` is what such rows are to a user."""

    table: str
    owner: str | None
    columns: tuple[str, ...]
    check: Callable[..., Sequence[bytes]]
    name: str
