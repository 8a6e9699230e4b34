"""The log of an Express execution: which of its events are kept, and how.

AWS sends these events to CloudWatch Logs; here they are kept in the store, with the end of the execution.

Rules that must stay true here:
- The level decides which events are kept, and `includeExecutionData` whether their inputs and outputs are (AWS
  developer guide, "Using CloudWatch Logs to log execution history in Step Functions").
- All logs together stay within a fixed bound of memory. What comes when it is used up is left out, but for the end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

import orjson
from msgspec import Struct, field
from msgspec.structs import replace

from stepwell.machine.history import Event, PayloadSink, encode_events
from stepwell.store.protocol import EventRecord

logger = logging.getLogger("stepwell.engine")

_RECORD: Final = 256 * 1024  # bytes of a record, after which another begins
_ERRORS: Final = ("Failed", "Aborted", "TimedOut")
_FATAL: Final = frozenset(f"Execution{ending}" for ending in _ERRORS)
_DATA: Final = frozenset({"input", "output", "parameters", "assignedVariables"})


class Logging(Struct, frozen=True):
    """What a machine's loggingConfiguration asks for. `level` is ALL, ERROR, FATAL or OFF."""

    level: str = "OFF"
    data: bool = False

    @classmethod
    def of(cls, configuration: str) -> Logging:
        """That of a machine; see `MachineRow.configuration`."""
        asked = orjson.loads(configuration).get("loggingConfiguration") or {}
        return cls(asked.get("level") or "OFF", asked.get("includeExecutionData") is True)

    @classmethod
    def decode(cls, data: bytes) -> Logging:
        level, included = orjson.loads(data)
        return cls(level, included)

    def encode(self) -> bytes:
        return orjson.dumps((self.level, self.data))

    def keeps(self, type: str) -> bool:
        """Whether events of a type are kept."""
        match self.level:
            case "ALL":
                return True
            case "ERROR":
                return type == "FailStateEntered" or type.endswith(_ERRORS)
            case "FATAL":
                return type in _FATAL
            case _:
                return False


class LogMemory(Struct):
    """What all logs together may take, in bytes, and what they take."""

    bound: int
    used: int = 0
    _told: bool = False

    def is_full(self) -> bool:
        """Whether nothing is left; that is told once, until half of it is free again."""
        if self.used < self.bound:
            self._told = self._told and self.used > self.bound // 2
            return False
        if not self._told:
            self._told = True
            logger.warning("logs of Express executions are cut off: together they take %d bytes of memory", self.used)
        return True


class ExpressLog(Struct):
    """The log of one execution, encoded as it comes. `payloads` are its large texts by hash; `happened` is told of
    every event, where the machine logs at all, or the execution is `traced`."""

    logging: Logging
    memory: LogMemory
    happened: Callable[[Sequence[Event]], None]
    traced: bool = False
    payloads: dict[bytes, str] = field(default_factory=dict)
    _records: list[EventRecord] = field(default_factory=list)
    _parts: list[bytes] = field(default_factory=list)  # of the record that is being written
    _first_id: int = 0
    _last_id: int = 0
    _size: int = 0
    _taken: int = 0  # of the memory
    _full: bool = False

    def add(self, events: Sequence[Event]) -> None:
        """Take in the events of a turn."""
        logging = self.logging
        if self.traced or logging.level != "OFF":
            self.happened(events)
        if logging.level == "OFF":
            return
        kept = [event for event in events if logging.keeps(event.type)]
        self._full = self._full or self.memory.is_full()
        if self._full:
            kept = [event for event in kept if event.type.startswith("Execution")]
        if kept:
            self._append(kept if logging.data else [_without_data(event) for event in kept])

    def _append(self, events: Sequence[Event]) -> None:
        if self._size >= _RECORD:
            self._end_record()
        sink = PayloadSink()
        part = encode_events(events, sink)[1:-1]
        if self._parts:
            passed_over = events[0].id - self._last_id - 1
            if passed_over:
                self._parts.append(b"%d" % passed_over)
        else:
            self._first_id = events[0].id
        self._parts.append(part)
        self._last_id = events[-1].id
        self._size += len(part)
        taken = len(part)
        for digest, text in sink.texts.items():
            if digest not in self.payloads:
                self.payloads[digest] = text
                taken += len(text)
        self._taken += taken
        self.memory.used += taken

    def _end_record(self) -> None:
        if self._parts:
            self._records.append(EventRecord(self._first_id, self._last_id, b"[" + b",".join(self._parts) + b"]"))
            self._parts = []
            self._size = 0

    def records(self) -> Sequence[EventRecord]:
        """The log so far."""
        self._end_record()
        return self._records

    def release(self) -> None:
        """The log is written, or nobody wants it: its memory is free."""
        self.memory.used -= self._taken
        self._taken = 0


def _without_data(event: Event) -> Event:
    if _DATA.isdisjoint(event.details):
        return event
    return replace(event, details={name: value for name, value in event.details.items() if name not in _DATA})
