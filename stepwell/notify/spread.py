"""From what turns tell to deliveries: one a change of status and channel.

Rules that must stay true here:
- A row of the outbox goes in the transaction that writes its deliveries: none is lost, none is made twice.
- The changes of one execution go to one channel in their order: they share a lane.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from stepwell.engine.records import NOTICE
from stepwell.notify.channel import destination_of, text_of
from stepwell.notify.event import changes
from stepwell.notify.rules import Rules
from stepwell.store.notices import NewDelivery
from stepwell.store.protocol import OutboxRow, Store, StoreError

logger = logging.getLogger("stepwell.notify")

_PAGE = 50  # executions, whose inputs and outputs are in memory meanwhile
_PAUSE = 1.0  # seconds before another try where the store has failed


class Spread:
    """`written` is called when deliveries were written; `now` gives milliseconds since 1970."""

    def __init__(self, store: Store, rules: Rules, now: Callable[[], int], written: Callable[[], None]) -> None:
        self._store = store
        self._rules = rules
        self._now = now
        self._written = written
        self._told = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin with what an earlier process has left."""
        self._told.set()
        self._rules.on_told = self._told.set
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self._told.wait()
            self._told.clear()
            try:
                await self._drain()
            except StoreError as error:
                logger.warning("notices cannot be written, trying again: %s", error)
                self._told.set()
                await asyncio.sleep(_PAUSE)
            except Exception:
                logger.exception("a defect keeps notices from being written")
                self._told.set()
                await asyncio.sleep(_PAUSE * 10)

    async def _drain(self) -> None:
        while rows := await self._store.outbox(NOTICE, (0, 0), _PAGE):
            deliveries = [delivery for row in rows for delivery in await self._deliveries(row)]
            await self._store.notices.write(deliveries, [(row.key, row.effect.id) for row in rows])
            if deliveries:
                self._written()

    async def _deliveries(self, row: OutboxRow) -> list[NewDelivery]:
        execution = await self._store.execution_row(row.key)
        if execution is None:
            return []
        now = self._now()
        return [
            NewDelivery(
                event_id=change.id,
                lane=f"{row.key} {text_of(channel)}",
                destination=destination_of(channel),
                channel=text_of(channel),
                body=change.body,
                created=now,
            )
            for change in changes(execution, row.effect)
            for channel in self._rules.of(execution.new.machine_arn, change.status)
        ]
