"""The items of a map run, read ahead a little and made into the inputs of its children.

Rules that must stay true here:
- Memory holds a bounded number of items; the cursor of a progress stands behind those that have children.
- Items are read, and become inputs, on a thread, ahead of the commits: the event loop only takes what is ready.
- What cannot be read ends the run, with AWS's name of the error.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec.structs import replace

from stepwell.engine.clock import Clock
from stepwell.engine.map_run.batches import Batch, Batches
from stepwell.engine.map_run.data_set import DataSets, GivenItems, Item, Items, Unreadable
from stepwell.engine.map_run.order import Order
from stepwell.engine.map_run.progress import Ending, Progress
from stepwell.language.errors import QueryError
from stepwell.language.values import dumps, loads
from stepwell.vault.pouch import Pouch

MOST_RUNNING = 10_000  # children at a time (AWS developer guide, "MaxConcurrency")
_BEGUN_AT_ONCE = 100  # children in one commit
_READ_AT_ONCE = 500  # items
_AHEAD = 8 * 1024 * 1024  # characters of inputs that are ready, after which no more is read


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
        self._batches: Batches | None = None
        self._reading: asyncio.Task[None] | None = None
        self._end = False  # no item is left to be read

    async def close(self) -> None:
        if self._reading is not None:
            reading, self._reading = self._reading, None
            await asyncio.gather(reading, return_exceptions=True)  # a thread is not interrupted
        if self._items is not None:
            items, self._items = self._items, None
            await items.close()

    async def next(self, progress: Progress) -> tuple[Progress, list[Batch]]:
        """The inputs of children that may begin now, and the progress when they have."""
        number = room(progress)
        if not number:
            return progress, []
        now = self._now(progress)
        try:
            if self._items is None or self._batches is None:
                self._items = await self._open(progress, now)
                self._batches = Batches(self._order, progress.items_read)
            found = await self._take(self._items, self._batches, number, now)
        except Unreadable as error:
            return replace(progress, ending=Ending("FAILED", "States.ItemReaderFailed", str(error))), []
        except QueryError as error:
            return replace(progress, ending=Ending("FAILED", error.error, f"{self._order.about}{error.cause}")), []
        return self._moved(self._items, self._batches, progress, found), found

    async def _open(self, progress: Progress, now: int) -> Items:
        order = self._order
        if order.reader is None:
            return GivenItems(await asyncio.to_thread(order.given_items, now), progress.cursor)
        if order.max_items < 0:
            raise Unreadable("field MaxItems must be positive")  # recorded
        return await self._data.open(order.reader, progress.cursor, progress.pin)

    async def _take(self, items: Items, batches: Batches, number: int, now: int) -> list[Batch]:
        """What is ready, at most `number`; none at the end. More is read meanwhile."""
        reading = self._reading
        while not batches.ready and not self._end:
            reading = self._reading = reading or asyncio.create_task(self._read(items, batches, now))
            await asyncio.wait([reading])
            reading.result()
            reading = self._reading = None
        if reading is None or (reading.done() and reading.exception() is None):
            enough = self._end or batches.ready >= 2 * _BEGUN_AT_ONCE or batches.size >= _AHEAD
            self._reading = None if enough else asyncio.create_task(self._read(items, batches, now))
        return batches.take(number)

    async def _read(self, items: Items, batches: Batches, now: int) -> None:
        """Read some more items into batches, or come to the end."""
        order, wanted = self._order, _READ_AT_ONCE
        if order.max_items:
            wanted = min(wanted, order.max_items - batches.taken)
        found = await items.read(wanted) if wanted > 0 else ()
        if found:
            await asyncio.to_thread(self._fill, batches, found, now)
        else:
            batches.close()
            self._end = True

    def _fill(self, batches: Batches, items: Sequence[Item], now: int) -> None:
        order = self._order
        batches.add(items if order.reader is None or order.opaque is None else _from_outside(items, order), now)

    def _now(self, progress: Progress) -> int:
        return self._clock.now() if progress.clock is None else progress.clock

    def _moved(self, items: Items, batches: Batches, progress: Progress, begun: Sequence[Batch]) -> Progress:
        """The progress once the children of these batches have begun."""
        count = sum(batch.items for batch in begun)
        exhausted = self._end and batches.is_empty
        if not begun and not exhausted:
            return progress
        return replace(
            progress,
            cursor=begun[-1].cursor if begun else progress.cursor,
            pin=items.pin,
            items_read=progress.items_read + count,
            exhausted=exhausted,
            next_index=progress.next_index + len(begun),
            executions=progress.executions.begun(len(begun), known=False),
            items=progress.items.begun(count, known=progress.known),
        )


def _from_outside(items: Sequence[Item], order: Order) -> list[Item]:
    """Items that were read, in which references to sealed values mean nothing."""
    assert order.opaque is not None
    pouch = Pouch(order.opaque, {})
    return [replace(item, value=loads(pouch.without_references(dumps(item.value)))) for item in items]
