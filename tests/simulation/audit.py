"""What has to hold after every step: the store, looked at from outside of the engine, and what was promised to callers.

Rules that must stay true here:
- Nothing of the engine is believed: all is read from the disk, through the protocol of the store.
- What was seen once is never seen otherwise: histories only grow, in every life of the server.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeVar

from stepwell.engine.reading import read_history
from stepwell.engine.records import NOTICE
from stepwell.machine.history import Event
from stepwell.store.protocol import EventRecord, ExecutionRow, Store

T = TypeVar("T")

TERMINAL: Final = frozenset(f"Execution{end}" for end in ("Succeeded", "Failed", "Aborted", "TimedOut"))
_ENDINGS: Final = ("Succeeded", "SubmitFailed", "Failed", "TimedOut")
_FAMILIES: Final = ("LambdaFunction", "Activity", "Task")
_MANY: Final = 1_000_000
_PAGE: Final = 500


class Broken(AssertionError):
    """A rule does not hold."""


@dataclass
class Known:
    """What was seen of an execution. `attempts` leads from an event of a task's attempt to the one that scheduled it;
    `settled` names the attempts that have an outcome. What is `gone` was let go of; it is as it was seen last."""

    row: ExecutionRow
    records: list[EventRecord] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    attempts: dict[int, int] = field(default_factory=dict)
    settled: dict[int, Event] = field(default_factory=dict)
    claims: Counter[int] = field(default_factory=Counter)
    gone: bool = False

    @property
    def logged(self) -> bool:
        """Whether every event is kept."""
        return ":express:" not in self.row.new.arn and not self.row.new.unlogged

    @property
    def ended(self) -> bool:
        return self.row.change.status != "RUNNING"


Promise: TypeAlias = Callable[["Audit"], bool]


class Audit:
    """`store` is that of the present life; it answers at once. `secret` is what no history may hold. `may_go` says
    whether an execution has ended and its time to be kept is over: one of them is enough."""

    store: Store
    secret: str | None = None

    def __init__(self) -> None:
        self.known: dict[int, Known] = {}
        self.promises: list[tuple[str, Promise]] = []
        self.may_go: list[Callable[[Known], bool]] = []
        self._by_arn: dict[str, int] = {}

    # -- promises

    def promised(self, what: str, holds: Promise) -> None:
        """A caller was answered: from now on this holds, whatever happens."""
        self.promises.append((what, holds))
        self._keep(what, holds)

    def _keep(self, what: str, holds: Promise) -> None:
        if not holds(self):
            raise Broken(f"it was answered, and is not in the log: {what}")

    # -- what is on the disk

    def look(self, keys: Iterable[int]) -> None:
        """Look at executions that have changed. Raises Broken."""
        for key in sorted(keys):
            self._look(key)

    def look_at_all(self) -> None:
        """Look at everything, and at all promises: another life has begun, or the last one ends."""
        self.look(list(self.known))
        for what, holds in self.promises:
            self._keep(what, holds)

    def check_notices(self) -> None:
        """Each change of status has a notice, and each notice is of one. Called when all executions have ended."""
        told: dict[int, list[str]] = {}
        after = (0, -1)
        while rows := now(self.store.outbox(NOTICE, after, _PAGE)):
            for row in rows:
                told.setdefault(row.key, []).extend(json.loads(row.effect.data)[0])
            after = (rows[-1].key, rows[-1].effect.id)
        for key, known in self.known.items():
            new, change = known.row.new, known.row.change
            if not known.logged or known.gone or ":mapRun:" in new.arn or new.map_run_arn is not None:
                continue
            statuses = told.get(key, [])
            begins = statuses.count("RUNNING")
            if begins != change.redrive_count + 1 or len(statuses) != begins * 2 or statuses[-1] != change.status:
                raise Broken(
                    f"{new.arn} is {change.status}, redriven {change.redrive_count} times; told are {statuses}"
                )

    def find(self, arn: str) -> Known | None:
        """An execution as it is on the disk now; one that is gone as it was."""
        key = now(self.store.execution_key(arn))
        if key is None:
            key = self._by_arn.get(arn)
            if key is None:
                return None
        self._look(key)
        return self.known[key]

    def root(self, known: Known) -> Known:
        """The execution at the root of the tree of map runs that an execution is of."""
        while (above := self.known.get(known.row.new.machine_id)) is not None:
            known = above
        return known

    def is_due(self, known: Known) -> bool:
        """Whether an execution's time to be kept is over."""
        return any(over(known) for over in self.may_go)

    def _look(self, key: int) -> None:
        known = self.known.get(key)
        loaded = now(self.store.load_execution(key))
        if loaded is None:
            if known is not None and not known.gone and not self.is_due(known):
                raise Broken(f"{known.row.new.arn} has vanished: it is {known.row.change.status}")
            if known is not None:
                known.gone = True
            return
        if known is not None and known.gone:
            raise Broken(f"{known.row.new.arn} was gone, and is back")
        if known is not None and self.is_due(known) and _stands(known.row, loaded.row):
            return  # it goes piece by piece
        row = now(self.store.find_execution(loaded.row.new.arn))
        if row is None or row.new.key != key:
            raise Broken(f"{loaded.row.new.arn} is not found by its ARN")
        if known is None:
            known = self.known[key] = Known(row)
            self._by_arn[row.new.arn] = key
        elif (known.row.new.input, known.row.new.name) != (row.new.input, row.new.name):
            raise Broken(f"{row.new.arn} has another input than it was started with")
        if row.version < known.row.version:
            raise Broken(f"{row.new.arn} is back at version {row.version}, from {known.row.version}")
        before, known.row = known.row, row
        records = list(now(self.store.history(key, 1, _MANY, False)))
        if records[: len(known.records)] != known.records:
            raise Broken(f"the history of {row.new.arn} is not what it was")
        new = self._events(key, records[len(known.records) :])
        known.records = records
        if self.secret is not None and any(self.secret in str(event.details) for event in new):
            raise Broken(f"the history of {row.new.arn} holds a secret")
        _grow(known, new)
        _check(known, before)
        _check_what_waits(known, loaded.timers, loaded.frames)

    def _events(self, key: int, records: Sequence[EventRecord]) -> list[Event]:
        if not records:
            return []
        return now(read_history(self.store, key, records[0].first_id, _MANY, False))


def _stands(before: ExecutionRow, after: ExecutionRow) -> bool:
    return (before.change.status, before.change.redrive_count) == (after.change.status, after.change.redrive_count)


def _grow(known: Known, new: Sequence[Event]) -> None:
    arn = known.row.new.arn
    for event in new:
        last = known.events[-1] if known.events else None
        if known.logged and event.id != len(known.events) + 1:
            raise Broken(f"event {len(known.events) + 1} of {arn} is missing: the next is {event.id}")
        if last is not None and event.id <= last.id:
            raise Broken(f"event {event.id} of {arn} comes behind event {last.id}")
        if not 0 <= event.previous_id < event.id:
            raise Broken(f"event {event.id} of {arn} hangs from {event.previous_id}")
        if last is not None and last.type in TERMINAL and event.type != "ExecutionRedriven":
            raise Broken(f"{event.type} comes behind the end of {arn}")
        known.events.append(event)
        if known.logged:
            _count_attempt(known, event)


def _count_attempt(known: Known, event: Event) -> None:
    """An attempt has one claim and one outcome."""
    family = next((family for family in _FAMILIES if event.type.startswith(family)), None)
    if family is None or event.type.startswith("TaskState"):
        return
    what = event.type.removeprefix(family)
    if what == "Scheduled":
        known.attempts[event.id] = event.id
        return
    scheduled = known.attempts.get(event.previous_id)
    if scheduled is None:
        if what in _ENDINGS or what == "Started":
            raise Broken(f"event {event.id} ({event.type}) of {known.row.new.arn} belongs to no attempt")
        return
    known.attempts[event.id] = scheduled
    if what == "Started":
        known.claims[scheduled] += 1
        if known.claims[scheduled] > 1:
            raise Broken(f"the task of event {scheduled} of {known.row.new.arn} was begun twice")
    elif what in _ENDINGS:
        if scheduled in known.settled:
            raise Broken(f"the task of event {scheduled} of {known.row.new.arn} was settled twice")
        known.settled[scheduled] = event


def _check(known: Known, before: ExecutionRow) -> None:
    row, events, arn = known.row, known.events, known.row.new.arn
    if known.logged and ":mapRun:" not in arn:
        if row.change.last_event_id != len(events):
            raise Broken(f"{arn} has {len(events)} events, and says it has {row.change.last_event_id}")
        last = events[-1].type if events else "none"  # it may have been born without a turn
        if known.ended is not (last in TERMINAL):
            raise Broken(f"{arn} is {row.change.status}, and its last event is {last}")
    redriven = row.change.redrive_count > before.change.redrive_count
    if before.change.status != "RUNNING" and not redriven:
        stood = (before.change.status, before.change.output, before.change.error, before.change.stop_date)
        stands = (row.change.status, row.change.output, row.change.error, row.change.stop_date)
        if stood != stands and ":mapRun:" not in arn:
            raise Broken(f"the end of {arn} was {stood}, and is {stands}")


def _check_what_waits(known: Known, timers: Any, frames: Any) -> None:
    if known.ended and timers:
        raise Broken(f"{known.row.new.arn} has ended, and has timers: {sorted(timers)}")
    if known.row.change.status == "SUCCEEDED" and frames:
        raise Broken(f"{known.row.new.arn} has succeeded, and has frames: {sorted(frames)}")


def now(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise AssertionError("the coroutine waits")
