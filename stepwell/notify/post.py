"""Deliveries on their way: kept in the store, tried until they have arrived or are given up after a day.

Rules that must stay true here:
- A delivery leaves the store only once its receiver has taken it: it arrives at least once, with the same id each time.
- Destinations do not wait for each other. One that fails is rested, and asked with one delivery at a time until it
  answers again; its rows wait on disk.
- Memory holds the bodies of those under way only.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from stepwell.notify.channel import Webhook, destination_of, read, text_of
from stepwell.notify.senders import NotDelivered, Sender
from stepwell.store.notices import DeliveryRow, NewDelivery, Notices
from stepwell.store.protocol import StoreError

logger = logging.getLogger("stepwell.notify")

PAUSES: Final = (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 28_800)
"""Seconds between two tries: the last is made a day after the first."""

_DESTINATIONS = 256  # that are asked at once
_AT_ONCE = 8  # deliveries to one destination
_SHORTEST_REST, _LONGEST_REST = 1_000, 60_000  # milliseconds
_LOOK = 30.0  # seconds between two looks at the clock
_PAUSE = 1.0  # seconds before another try where the store has failed


class _Rest(Struct):
    """A destination that fails: nothing is sent before `until`."""

    until: int
    length: int


class Post:
    """`start` it, `stop` it. `now` gives milliseconds since 1970."""

    def __init__(self, store: Notices, sender: Sender, now: Callable[[], int]) -> None:
        self._store = store
        self._sender = sender
        self._now = now
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._asked: dict[str, asyncio.Task[None]] = {}  # by destination
        self._rests: dict[str, _Rest] = {}

    async def deliver(
        self, url: str, body: str, event_id: str, secret: str | None = None, *, lane: str | None = None
    ) -> None:
        """Post a JSON text to a URL, however long that takes: it is kept when this returns.

        Each try is signed anew, with the secret in the environment variable that `secret` names. The receiver gets
        `event_id` as `webhook-id`, the same each time; while a delivery of that id and URL is kept, another is passed
        over. Those of one `lane` arrive in order. Raises StoreError.
        """
        channel = Webhook(url, secret)
        new = NewDelivery(
            event_id=event_id,
            lane=lane or f"{event_id} {url}",
            destination=destination_of(channel),
            channel=text_of(channel),
            body=body,
            created=self._now(),
        )
        await self._store.write([new])
        self.wake()

    async def retry(self, id: int | None) -> int:
        """Try a delivery that was given up again, or all of them (None); how many there were. Raises StoreError."""
        count = await self._store.revive(id, self._now())
        self.wake()
        return count

    def start(self) -> None:
        """Begin with what an earlier process has left."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Send nothing more; what was not answered yet is sent again by the next process."""
        tasks = [task for task in (self._task, *self._asked.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self) -> None:
        """Something new may be due."""
        self._woken.set()

    async def _run(self) -> None:
        while True:
            try:
                self._woken.clear()
                await self._sleep(await self._ask_those_due())
            except StoreError as error:
                logger.warning("deliveries cannot be read, trying again: %s", error)
                await asyncio.sleep(_PAUSE)

    async def _ask_those_due(self) -> int | None:
        """When to look again; None where only something new is worth a look."""
        now, soonest = self._now(), None
        waiting = await self._store.destinations()
        self._rests = {name: self._rests[name] for name, _ in waiting if name in self._rests}
        for destination, due in waiting:
            if destination in self._asked:
                continue
            rest = self._rests.get(destination)
            at = due if rest is None else max(due, rest.until)
            if at <= now and len(self._asked) < _DESTINATIONS:
                task = asyncio.get_running_loop().create_task(self._ask(destination))
                self._asked[destination] = task
            elif at > now:
                soonest = at if soonest is None else min(soonest, at)
        return soonest

    async def _sleep(self, until: int | None) -> None:
        while not self._woken.is_set():
            left = _LOOK if until is None else (until - self._now()) / 1000
            if left <= 0:
                return
            try:
                async with asyncio.timeout(min(left, _LOOK) + 0.001):
                    await self._woken.wait()
            except TimeoutError:
                continue

    # -- one destination

    async def _ask(self, destination: str) -> None:
        """Send what is due, until nothing is or the destination fails."""
        try:
            while True:
                most = _AT_ONCE if destination not in self._rests else 1
                due = await self._store.due(destination, self._now(), most)
                if not due:
                    return
                answered = await asyncio.gather(*(self._try(delivery) for delivery in due))
                if any(answered):
                    self._rests.pop(destination, None)
                else:
                    self._rest(destination)
                    return
        except StoreError as error:
            logger.warning("deliveries to %s cannot be recorded, trying again: %s", destination, error)
            await asyncio.sleep(_PAUSE)
        except Exception:
            logger.exception("a defect keeps deliveries from %s", destination)
            self._rest(destination)
        finally:
            del self._asked[destination]
            self.wake()

    def _rest(self, destination: str) -> None:
        known = self._rests.get(destination)
        length = _SHORTEST_REST if known is None else min(known.length * 2, _LONGEST_REST)
        self._rests[destination] = _Rest(self._now() + length, length)

    async def _try(self, delivery: DeliveryRow) -> bool:
        """One try. False where it has failed, and others to the same destination may well fail too."""
        body = await self._store.body(delivery.id)
        if body is None:
            return True  # it was removed meanwhile
        try:
            await self._sender.send(read(delivery.channel), delivery, body)
        except NotDelivered as failed:
            await self._fail(delivery, failed)
            return failed.final
        await self._store.delivered(delivery.id, self._now())
        return True

    async def _fail(self, delivery: DeliveryRow, failed: NotDelivered) -> None:
        now = self._now()
        if failed.final or delivery.attempts >= len(PAUSES):
            logger.error("the delivery %s to %s is given up: %s", delivery.event_id, delivery.destination, failed)
            await self._store.bury(delivery.id, now, str(failed))
            return
        pause = PAUSES[delivery.attempts] * 1000
        logger.warning("a delivery to %s has failed and is tried again: %s", delivery.destination, failed)
        await self._store.postpone(delivery.id, now + round(pause * _spread(delivery)), str(failed))


def _spread(delivery: DeliveryRow) -> float:
    """0.9 to 1.1: those that failed together are not tried again together."""
    drawn = hashlib.sha256(json.dumps([delivery.id, delivery.attempts]).encode()).digest()[0]
    return 0.9 + 0.2 * drawn / 255
