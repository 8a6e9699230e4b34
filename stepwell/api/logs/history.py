"""The events of executions in the log group that their machine's `loggingConfiguration` names, as Step Functions writes
them to CloudWatch Logs.

Rules that must stay true here:
- The level decides which events are written, and `includeExecutionData` whether their inputs and outputs are.
- A machine without logging costs one look into a dictionary a turn.
- Logging is best effort, as on AWS: nothing waits for it, and what a crash takes is in the history all the same.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Sequence
from typing import Final, TypeAlias

import orjson
from msgspec import Struct

from stepwell.api.logs.keeper import LogKeeper
from stepwell.api.operations.history import answered_event
from stepwell.engine.express_log import Logging
from stepwell.machine.history import Event
from stepwell.store.protocol import NewExecution, Store

logger = logging.getLogger("stepwell.api")

_KNOWN: Final = 1_000  # revisions whose logging is remembered
_WAITING: Final = 10_000  # events that wait until it is known where they go, at most
_COMMON: Final = ("timestamp", "type", "id", "previousEventId")


class _Destination(Struct, frozen=True):
    logging: Logging
    group: str
    stream: str


_Told: TypeAlias = tuple[NewExecution, Sequence[Event], int]
_Key: TypeAlias = tuple[str, str]


class HistoryLog:
    """A `Journal`."""

    def __init__(self, store: Store, keeper: LogKeeper) -> None:
        self._store = store
        self._keeper = keeper
        self._destinations: dict[_Key, _Destination | None] = {}  # None where nothing is logged
        self._unknown: dict[_Key, list[_Told]] = {}
        self._waiting = 0
        self._lookups: set[asyncio.Task[None]] = set()

    def told(self, new: NewExecution, events: Sequence[Event], redrive_count: int) -> None:
        key = (new.machine_arn, new.revision_id)
        if key in self._destinations:
            destination = self._destinations[key]
            if destination is not None:
                self._write(destination, new, events, redrive_count)
        elif self._waiting < _WAITING:
            self._waiting += len(events)
            waiting = self._unknown.setdefault(key, [])
            waiting.append((new, events, redrive_count))
            if len(waiting) == 1:
                task = asyncio.get_running_loop().create_task(self._look_up(key, new))
                self._lookups.add(task)
                task.add_done_callback(self._lookups.discard)

    async def settle(self) -> None:
        """Wait until all that was told is with the keeper."""
        if self._lookups:
            await asyncio.gather(*self._lookups, return_exceptions=True)

    async def _look_up(self, key: _Key, new: NewExecution) -> None:
        destination = None
        try:
            destination = _destination(await self._configuration(new), new.machine_arn.rsplit(":", 1)[1])
            while len(self._destinations) >= _KNOWN:
                del self._destinations[next(iter(self._destinations))]
            self._destinations[key] = destination
        except Exception:
            logger.exception("the logging of %s cannot be read", new.machine_arn)
        for waiting, events, redrive_count in self._unknown.pop(key):
            self._waiting -= len(events)
            if destination is not None:
                self._write(destination, waiting, events, redrive_count)

    async def _configuration(self, new: NewExecution) -> str | None:
        """That of the revision which the execution runs; a child of a map run has that of its parent's machine."""
        if new.map_run_arn is None:
            revision = await self._store.find_revision(new.machine_id, new.revision_id)
            if revision is not None:
                return revision.configuration
        machine = await self._store.find_machine(new.machine_arn)
        return None if machine is None else machine.configuration

    def _write(self, where: _Destination, new: NewExecution, events: Sequence[Event], redrive_count: int) -> None:
        for event in events:
            if where.logging.keeps(event.type):
                text = _entry(event, new.arn, redrive_count, where.logging.data)
                self._keeper.keep(where.group, where.stream, event.timestamp, text, new.arn)


def _destination(configuration: str | None, machine: str) -> _Destination | None:
    """Where a machine's events go; None where they go nowhere."""
    if configuration is None:
        return None
    asked = Logging.of(configuration)
    destinations = orjson.loads(configuration)["loggingConfiguration"].get("destinations") or ()
    if asked.level == "OFF" or not destinations:
        return None
    arn: str = destinations[0]["cloudWatchLogsLogGroup"]["logGroupArn"]
    group = arn.partition(":log-group:")[2].removesuffix(":*")
    stream = f"states/{machine}/{time.strftime('%Y-%m-%d-%H-%M', time.gmtime())}/{os.urandom(4).hex()}"
    return _Destination(asked, group or arn, stream)


def _entry(event: Event, execution_arn: str, redrive_count: int, data: bool) -> str:
    """An event as a line of JSON, in which every value of its own is a text (recorded)."""
    answered = answered_event(event, data)
    details = next((value for member, value in answered.items() if member not in _COMMON), {})
    if not data and isinstance(details, dict):
        details = {name: value for name, value in details.items() if not _tells_of_data(name)}
    return orjson.dumps(
        {
            "id": str(event.id),
            "type": event.type,
            "details": details,
            "previous_event_id": str(event.previous_id),
            "event_timestamp": str(event.timestamp),
            "execution_arn": execution_arn,
            "redrive_count": str(redrive_count),
        }
    ).decode()


def _tells_of_data(name: str) -> bool:
    return name.endswith("Details")
