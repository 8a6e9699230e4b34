"""State machines as they are stored, kept at hand: each start of an execution asks for one.

Rules that must stay true here:
- A machine is as the last write that was answered left it: a write forgets it before it begins and when it is over,
  and what was read while one was under way is not kept.
- No more machines are kept than a bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

from stepwell.store.protocol import MachineRow

T = TypeVar("T")

_MOST: Final = 1_000


class KnownMachines:
    """Used on one event loop, by the only process that writes to the store."""

    def __init__(self) -> None:
        self._rows: dict[str, MachineRow] = {}
        self._writes = 0  # begun or ended so far

    async def find(self, arn: str, read: Callable[[], Awaitable[MachineRow | None]]) -> MachineRow | None:
        """The machine that is kept, or else what `read` finds. Raises what it raises."""
        known = self._rows.get(arn)
        if known is not None:
            return known
        before = self._writes
        found = await read()
        if found is not None and before == self._writes:
            if len(self._rows) >= _MOST:
                self._rows.clear()
            self._rows[arn] = found
        return found

    async def changed_by(self, write: Coroutine[Any, Any, T]) -> T:
        """Let a write that may change machines do so. Raises what it raises."""
        self._forget()
        writing = asyncio.ensure_future(write)  # it goes on, and is over later, where its caller gives up
        writing.add_done_callback(lambda _: self._forget())
        return await asyncio.shield(writing)

    def _forget(self) -> None:
        self._writes += 1
        self._rows.clear()
