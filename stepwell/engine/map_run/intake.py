"""The items of a map run, read ahead a little and made into the inputs of its children.

Rules that must stay true here:
- Memory holds a bounded number of items; the cursor of a progress stands behind those that have children.
- What cannot be read ends the run, with AWS's name of the error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from stepwell.engine.clock import Clock
from stepwell.engine.map_run.data_set import DataSets, GivenItems, Item, Items, Unreadable
from stepwell.engine.map_run.order import Batch, Order
from stepwell.engine.map_run.progress import Ending, Progress
from stepwell.language.errors import QueryError
from stepwell.language.values import dumps, loads
from stepwell.vault.pouch import Pouch

MOST_RUNNING = 10_000  # children at a time (AWS developer guide, "MaxConcurrency")
_BEGUN_AT_ONCE = 100  # children in one commit
_READ_AT_ONCE = 500  # items
_HELD = 20_000  # items; a batch of more is closed


def room(progress: Progress) -> int:
    """How many children may begin now, in one commit."""
    limit = min(progress.max_concurrency or MOST_RUNNING, MOST_RUNNING)
    return max(0, min(limit - progress.executions.running, _BEGUN_AT_ONCE))


class Intake:
    def __init__(self, data: DataSets, order: Order, clock: Clock) -> None:
        self._data = data
        self._clock = clock
        self._order = order
        self._items: Items | None = None
        self._buffer: list[Item] = []
        self._end = False  # nothing is left to be read into the buffer

    async def close(self) -> None:
        if self._items is not None:
            items, self._items = self._items, None
            await items.close()

    async def next(self, progress: Progress) -> tuple[Progress, list[Batch]]:
        """The inputs of the children that may begin now, and the progress when they have."""
        number = room(progress)
        if not number:
            return progress, []
        try:
            if self._items is None:
                self._items = await self._open(progress)
            batches = await self._batches(self._items, progress, number)
        except Unreadable as error:
            return replace(progress, ending=Ending("FAILED", "States.ItemReaderFailed", str(error))), []
        except QueryError as error:
            return replace(progress, ending=Ending("FAILED", error.error, f"{self._order.about}{error.cause}")), []
        return self._moved(self._items, progress, batches), batches

    async def _open(self, progress: Progress) -> Items:
        order = self._order
        if order.reader is None:
            return GivenItems(order.given_items(self._now(progress)), progress.cursor)
        if order.max_items < 0:
            raise Unreadable("field MaxItems must be positive")  # recorded
        return await self._data.open(order.reader, progress.cursor, progress.pin)

    async def _batches(self, items: Items, progress: Progress, number: int) -> list[Batch]:
        order = self._order
        while True:
            whole = self._end or len(self._buffer) >= _HELD
            if whole or len(self._buffer) >= number:
                batches = await self._filled(progress, whole, number)
                if whole or len(batches) >= number:
                    return batches
            wanted = _READ_AT_ONCE
            if order.max_items:
                wanted = min(wanted, order.max_items - progress.items_read - len(self._buffer))
            found = await items.read(wanted) if wanted > 0 else ()
            self._buffer.extend(found if order.reader is None or order.opaque is None else _from_outside(found, order))
            self._end = not found

    async def _filled(self, progress: Progress, whole: bool, number: int) -> list[Batch]:
        """What can be made of the items in memory; expressions are evaluated on a thread."""
        work = partial(
            self._order.batches, tuple(self._buffer), progress.items_read, whole, number, self._now(progress)
        )
        return await asyncio.to_thread(work) if self._order.selects else work()

    def _now(self, progress: Progress) -> int:
        return self._clock.now() if progress.clock is None else progress.clock

    def _moved(self, items: Items, progress: Progress, batches: Sequence[Batch]) -> Progress:
        """The progress once the children of these batches have begun."""
        count = sum(batch.items for batch in batches)
        del self._buffer[:count]
        exhausted = self._end and not self._buffer
        if not batches and not exhausted:
            return progress
        return replace(
            progress,
            cursor=batches[-1].cursor if batches else progress.cursor,
            pin=items.pin,
            items_read=progress.items_read + count,
            exhausted=exhausted,
            next_index=progress.next_index + len(batches),
            executions=progress.executions.begun(len(batches), known=False),
            items=progress.items.begun(count, known=progress.known),
        )


def _from_outside(items: Sequence[Item], order: Order) -> list[Item]:
    """Items that were read, in which references to sealed values mean nothing."""
    assert order.opaque is not None
    pouch = Pouch(order.opaque, {})
    return [replace(item, value=loads(pouch.without_references(dumps(item.value)))) for item in items]
