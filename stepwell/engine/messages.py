"""Messages between executions: delivered after the commit that wrote them, and again after a crash.

Rules that must stay true here:
- A message is a row of its sender's outbox; it is gone once whoever takes it in has committed. Memory holds those under
  way, within a fixed bound; more wait on disk.
- The messages of one sender are delivered in order, one at a time.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from stepwell.engine.records import MESSAGE
from stepwell.store.protocol import EffectRow, Store, StoreError

logger = logging.getLogger("stepwell.engine")

Deliver: TypeAlias = Callable[[int, EffectRow], Awaitable[None]]

_SENDERS = 1_000  # whose messages are under way at the same time
_PAGE = 200
_PATIENCE = 60.0  # seconds between two tries, at most


class Messages:
    """`deliver` takes one message in and settles its row; it raises StoreError where that has to be tried again."""

    def __init__(self, store: Store, deliver: Deliver) -> None:
        self._store = store
        self._deliver = deliver
        self._read_rows: set[tuple[int, int]] = set()  # messages that were read from disk: they may have gone since
        self._waiting: dict[int, deque[EffectRow]] = {}
        self._runs: dict[int, asyncio.Task[None]] = {}
        self._overflow = True  # there may be rows on disk that are not under way
        self._refill: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        """Deliver what an earlier process has left."""
        self._look()

    async def stop(self) -> None:
        """Deliver nothing more; what is left stays in the store."""
        self._stopping = True
        runs = list(self._runs.values())
        if self._refill is not None:
            runs.append(self._refill)
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)

    def is_sending(self, key: int) -> bool:
        return key in self._waiting

    def add(self, key: int, row: EffectRow) -> None:
        """A message was committed by the execution with this key."""
        if self._stopping:
            return
        waiting = self._waiting.get(key)
        if waiting is not None:
            if all(known.id != row.id for known in waiting):
                waiting.append(row)
            return
        if len(self._waiting) >= _SENDERS:
            self._overflow = True
            return
        self._waiting[key] = deque((row,))
        self._runs[key] = asyncio.get_running_loop().create_task(self._send(key))

    async def _send(self, key: int) -> None:
        waiting = self._waiting[key]
        try:
            while waiting:
                await self._send_one(key, waiting[0])
                waiting.popleft()
        finally:
            del self._waiting[key], self._runs[key]
            if self._overflow and len(self._waiting) <= _SENDERS // 2:
                self._look()

    async def _send_one(self, key: int, row: EffectRow) -> None:
        pause = 0.05
        while True:
            try:
                if (key, row.id) not in self._read_rows or await self._store.effect(key, row.id) is not None:
                    await self._deliver(key, row)
                self._read_rows.discard((key, row.id))
                return
            except StoreError as error:
                logger.warning(
                    "%s of the execution %d cannot be told, trying again in %.1f s: %s", row.target, key, pause, error
                )
            except Exception:
                logger.exception("a defect keeps %s of the execution %d from being told", row.target, key)
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, _PATIENCE)

    def _look(self) -> None:
        if self._refill is None and not self._stopping:
            self._refill = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        """Take up rows from the store until all are under way or the bound is reached."""
        try:
            after = (0, 0)
            self._overflow = False
            while not self._overflow:
                rows = await self._store.outbox(MESSAGE, after, _PAGE)
                for row in rows:
                    self.add(row.key, row.effect)
                    if row.key in self._waiting:
                        self._read_rows.add((row.key, row.effect.id))
                if len(rows) < _PAGE:
                    return
                after = (rows[-1].key, rows[-1].effect.id)
        except StoreError as error:
            logger.warning("the messages cannot be read, trying again: %s", error)
            self._overflow = True
            await asyncio.sleep(1)
        finally:
            self._refill = None
            if self._overflow and len(self._waiting) <= _SENDERS // 2:
                self._look()
