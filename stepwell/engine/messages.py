"""Messages between executions: delivered after the commit that wrote them, and again after a crash.

Rules that must stay true here:
- A message is a row of its sender's outbox; it is gone once whoever takes it in has committed. Memory holds those under
  way, within a fixed bound; more wait on disk.
- The messages of one sender are delivered one at a time, in order as far as memory holds them.
- A message that a defect keeps from being told stays on disk, with those of its sender behind it, and takes no place
  from others. It is tried again with all of its kind, after pauses that grow.
- What has been tried before is told again only while its row is there: it is taken in once.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from stepwell.engine.errors import Stuck
from stepwell.engine.records import MESSAGE
from stepwell.store.protocol import EffectRow, OutboxRow, Store, StoreError

logger = logging.getLogger("stepwell.engine")

Deliver: TypeAlias = Callable[[int, EffectRow], Awaitable[None]]

_SENDERS = 1_000  # whose messages are under way at the same time
_PAGE = 200
_PAUSE = 0.05  # seconds until the second try where the store has failed; each further one waits twice as long
_AGAIN = 1.0  # and where there is a defect
_PATIENCE = 60.0  # seconds between two tries, at most
_UNREAD = 1.0  # seconds until the rows are read again


class Messages:
    """`deliver` takes one message in and settles its row; it raises StoreError where that has to be tried again soon,
    and anything else where it makes no sense to."""

    def __init__(self, store: Store, deliver: Deliver) -> None:
        self._store = store
        self._deliver = deliver
        self._doubtful: set[tuple[int, int]] = set()  # messages that may have gone: read from disk, or tried before
        self._waiting: dict[int, deque[EffectRow]] = {}
        self._runs: dict[int, asyncio.Task[None]] = {}
        self._overflow = True  # there may be rows on disk that are not under way
        self._refill: asyncio.Task[None] | None = None
        self._put_off: set[int] = set()  # senders of messages that a defect is in the way of
        self._due: set[int] = set()  # those of them that the next look into the store takes up again
        self._again = _AGAIN
        self._alarm: asyncio.TimerHandle | None = None
        self._stopping = False

    def start(self) -> None:
        """Deliver what an earlier process has left."""
        self._look()

    async def stop(self) -> None:
        """Deliver nothing more; what is left stays in the store."""
        self._stopping = True
        if self._alarm is not None:
            self._alarm.cancel()
        runs = list(self._runs.values())
        if self._refill is not None:
            runs.append(self._refill)
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)

    @property
    def stuck(self) -> int:
        """How many executions have messages that a defect keeps from being told; they are tried again."""
        return len(self._put_off)

    def add(self, key: int, row: EffectRow) -> None:
        """A message was committed by the execution with this key."""
        if self._stopping:
            return
        if key in self._put_off:
            return  # it is told behind the one that waits on disk
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
        except Exception as error:
            self._put_off_for_now(key, waiting, error)
        finally:
            del self._waiting[key], self._runs[key]
            if self._overflow and len(self._waiting) <= _SENDERS // 2:
                self._look()
            elif not (self._waiting or self._put_off or self._refill is not None):
                self._again = _AGAIN  # all is told

    async def _send_one(self, key: int, row: EffectRow) -> None:
        pause = _PAUSE
        while True:
            try:
                if (key, row.id) not in self._doubtful or await self._store.effect(key, row.id) is not None:
                    await self._deliver(key, row)
                self._doubtful.discard((key, row.id))
                return
            except StoreError as error:
                logger.warning(
                    "%s of the execution %d cannot be told, trying again in %.1f s: %s", row.target, key, pause, error
                )
                self._doubtful.add((key, row.id))  # a commit that has failed may be on the disk
            await asyncio.sleep(pause)
            pause = min(pause * 2, _PATIENCE)

    # -- what a defect is in the way of

    def _put_off_for_now(self, key: int, waiting: deque[EffectRow], error: Exception) -> None:
        """Leave the messages of a sender on disk, up to the next try."""
        if not isinstance(error, Stuck):  # that is told of where it is
            logger.error(
                "a defect keeps %s of the execution %d from being told, trying again in up to %.0f s: %r",
                waiting[0].target,
                key,
                self._again,
                error,
                exc_info=None if self._put_off else error,
            )
        self._doubtful.difference_update([(key, row.id) for row in waiting])
        self._put_off.add(key)
        if self._alarm is None and not self._stopping:
            self._alarm = asyncio.get_running_loop().call_later(self._again, self._try_again)

    def _try_again(self) -> None:
        self._alarm = None
        self._again = min(self._again * 2, _PATIENCE)
        self._due = set(self._put_off)
        self._overflow = True
        self._look()

    # -- the rows on disk

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
                    self._take_up(row)
                if len(rows) < _PAGE:
                    self._forget_gone()
                    return
                after = (rows[-1].key, rows[-1].effect.id)
        except Exception as error:
            defect = not isinstance(error, StoreError)
            logger.warning("the messages cannot be read, trying again: %s", error, exc_info=defect)
            self._overflow = True
            await asyncio.sleep(_UNREAD)
        finally:
            self._refill = None
            if self._overflow and len(self._waiting) <= _SENDERS // 2:
                self._look()

    def _take_up(self, row: OutboxRow) -> None:
        if row.key in self._due:
            if len(self._waiting) >= _SENDERS:
                self._overflow = True
                return
            self._due.remove(row.key)
            self._put_off.discard(row.key)
        self.add(row.key, row.effect)
        if row.key in self._waiting:
            self._doubtful.add((row.key, row.effect.id))

    def _forget_gone(self) -> None:
        """All rows were seen: of senders that were not among them nothing is left."""
        if not self._overflow:
            self._put_off -= self._due
            self._due.clear()
