"""What the engine asks of whoever reads the items of a map run, and writes its results.

Rules that must stay true here:
- Items come in order, each with the cursor behind it; a cursor is JSON, and reading goes on from it after a crash.
- What a cursor points into is pinned by `pin`: where it has changed in the meantime, reading fails.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from stepwell.language.values import Json


class Unreadable(Exception):
    """The items cannot be read; the message is the cause that the user is told."""


class Unwritable(Exception):
    """The results cannot be written; the message is the cause that the user is told."""


class Item(Struct, frozen=True):
    """`cursor` is the place behind the item."""

    value: Json
    cursor: Json


class Items(Protocol):
    """Items that are being read."""

    @property
    def pin(self) -> str | None: ...

    async def read(self, limit: int) -> Sequence[Item]:
        """The next items, at most `limit`; none at the end. Raises Unreadable."""
        ...

    async def close(self) -> None: ...


class Result(Struct, frozen=True, kw_only=True):
    """One child as ResultWriter describes it. Times are milliseconds since 1970."""

    arn: str
    name: str
    machine_arn: str
    status: str
    start_date: int
    input: str
    stop_date: int | None = None
    output: str | None = None
    error: str | None = None
    cause: str | None = None
    redrive_count: int = 0


class DataSets(Protocol):
    async def open(self, reader: Mapping[str, Json], cursor: Json, pin: str | None) -> Items:
        """The items of a reader (`action`, `arguments`, `config`) behind a cursor. Raises Unreadable."""
        ...

    def texts(self, writer: Mapping[str, Json] | None, result: Result) -> Sequence[str]:
        """The JSON texts that a child adds to the list of results, where they stay in the workflow."""
        ...

    async def write(
        self, writer: Mapping[str, Json], map_run_arn: str, results: AsyncIterator[Sequence[Result]]
    ) -> tuple[Json, int]:
        """Write all results, which come in pages, as `writer` (`arguments`, `transformation`, `output_type`) says.

        Answers where they are (the state's ResultWriterDetails), and how many were written. Raises Unwritable.
        """
        ...


class NoDataSets:
    """Where nothing is set up that holds objects."""

    async def open(self, reader: Mapping[str, Json], cursor: Json, pin: str | None) -> Items:
        raise Unreadable("This server has no store of objects to read items from.")

    def texts(self, writer: Mapping[str, Json] | None, result: Result) -> Sequence[str]:
        return () if result.output is None else (result.output,)

    async def write(
        self,
        writer: Mapping[str, Json],
        map_run_arn: str,
        results: AsyncIterator[Sequence[Result]],
    ) -> tuple[Json, int]:
        raise Unwritable("This server has no store of objects to write results to.")


class GivenItems:
    """The items that the state itself has given; the cursor is a position."""

    pin: str | None = None

    def __init__(self, items: Sequence[Json], cursor: Json) -> None:
        self._items = items
        self._position = cursor if isinstance(cursor, int) else 0

    async def read(self, limit: int) -> Sequence[Item]:
        begin = self._position
        found = self._items[begin : begin + limit]
        self._position += len(found)
        return [Item(value, begin + offset + 1) for offset, value in enumerate(found)]

    async def close(self) -> None:
        """Nothing is held."""
