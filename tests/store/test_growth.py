"""What an operation costs does not grow with what is stored: operations are counted, never seconds.

Counted are the steps of SQLite's virtual machine, for the same call on a store of a few and on one of very many. And no
statement that such a call carries out reads through a table or sorts: its plan says so.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias, cast

import pytest
from msgspec.structs import replace

from stepwell.store.jobs import JobFilter, NewJob
from stepwell.store.notices import NewDelivery
from stepwell.store.open import open_store
from stepwell.store.protocol import EffectRow, EventRecord, ExecutionChange, ListPosition, Store, TurnRecord
from stepwell.store.schedules import GroupRow, ScheduleRow
from stepwell.store.sqlite.store import SqliteStore
from tests.store.samples import ACCOUNT, first_turn, succeeded

FEW, MANY = 40, 8_000  # executions of each kind
NOW = 1_000_000
GROUP = 64  # executions in a commit
PAGE = 4096
DAY = 24 * 3600 * 1000

# What a plan may go through from end to end: values of the call itself, and indexes that hold nothing but what is asked
# for, page by page.
HARMLESS = re.compile(
    r"SCAN (v|ending|each|node|json_each|machine|\d+ CONSTANT ROWS?|\(subquery-\d+\)|CONSTANT ROW)( |$)"
)
MEANT = ("jobs_to_be_told", "jobs_queued_by_group")


@dataclass
class Counter:
    """What the connections of a store do while it counts."""

    steps: int = 0
    statements: list[tuple[sqlite3.Connection, str]] = field(default_factory=list)


class Counted:
    """A store, and what its connections do."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self._connections = (store._files.writer, store._files.reader, store._files.lister)

    @contextmanager
    def counting(self) -> Iterator[Counter]:
        counter = Counter()

        def step() -> int:
            counter.steps += 1
            return 0

        for each in self._connections:
            each.set_progress_handler(step, 1)
            each.set_trace_callback(lambda text, on=each: counter.statements.append((on, text)))  # type: ignore[misc]
        try:
            yield counter
        finally:
            for each in self._connections:
                each.set_progress_handler(None, 0)
                each.set_trace_callback(None)


def name_of(key: int) -> str:
    """A name as a random UUID is one: it may lie anywhere among the others."""
    return sha256(str(key).encode()).hexdigest()[:32]


def asleep(key: int) -> TurnRecord:
    """An execution that waits, as a poll loop does."""
    return replace(
        first_turn(key, name=name_of(key), start_date=key),
        frames={"": b"frame"},
        timers={"|wait": NOW + DAY + key},
        payloads={b"hash": "x" * 300},
    )


def at_work(key: int) -> TurnRecord:
    """An execution, started from a version and an alias, with a task for a worker and a job that is to be told of."""
    turn = first_turn(key, name=name_of(key), start_date=key)
    assert turn.new is not None
    job = NewJob(id=f"job-{key}", type="report", created_at=key, expires_at=key, callback="http://127.0.0.1/")
    arn = turn.new.machine_arn
    return replace(
        turn,
        new=replace(turn.new, job=job, version_arn=f"{arn}:1", alias_arn=f"{arn}:live"),
        frames={"": b"frame"},
        effects=[EffectRow(2, "activity", f"{ACCOUNT}activity:dig", "", b"task")],
    )


def over(key: int, status: str) -> TurnRecord:
    """An execution that has ended, lately."""
    turn = first_turn(key, name=name_of(key), start_date=key)
    change = replace(succeeded(NOW + key), status=status)
    frames = {} if status == "SUCCEEDED" else {"": b"frame"}
    return replace(turn, change=change, frames=frames, events=EventRecord(1, 2, b"all of it"))


async def fill(store: Store, count: int) -> None:
    """So many executions of each kind, their histories of one record; `count` schedules and deliveries."""
    kinds: Sequence[Callable[[int], TurnRecord]] = (
        asleep,
        at_work,
        lambda key: over(key, "SUCCEEDED"),
        lambda key: over(key, "FAILED"),
    )
    for number, kind in enumerate(kinds, 1):
        for start in range(0, count, 1000):
            keys = range(start, min(count, start + 1000))
            await store.commit([kind(number * 1_000_000 + key) for key in keys])
    await store.schedules.create_group(schedule_group())
    for number in range(count // 40):
        await store.schedules.create(schedule(f"each-{number}", next_due=NOW + DAY + number))
    await store.notices.write(
        [
            NewDelivery(
                event_id=f"event-{n}",
                lane=f"lane-{n}",
                destination="http://127.0.0.1/",
                channel="webhook",
                body="{}",
                created=NOW + DAY,
            )
            for n in range(count // 4)
        ]
    )


def schedule_group() -> GroupRow:
    return GroupRow(arn=f"{ACCOUNT}schedule-group/default", name="default", created=1, modified=1)


def schedule(name: str, next_due: int) -> ScheduleRow:
    return ScheduleRow(
        arn=f"{ACCOUNT}schedule/default/{name}",
        group_arn=schedule_group().arn,
        group_name="default",
        name=name,
        expression="rate(1 day)",
        timezone="UTC",
        target="{}",
        state="ENABLED",
        created=1,
        modified=1,
        anchor=1,
        next_due=next_due,
    )


Call: TypeAlias = Callable[[Store], Awaitable[object]]

NEW = 9_000_000
LAST = (1 << 62, 1 << 62)
ASLEEP, WORKING = 1_000_020, 2_000_020


def run_of(key: int) -> Sequence[TurnRecord]:
    """An execution from its start to its end, in three turns."""
    first = replace(first_turn(key, name=name_of(key), start_date=NOW), timers={"|wait": NOW}, frames={"": b"frame"})
    second = TurnRecord(
        key=key,
        version=2,
        change=ExecutionChange(status="RUNNING", last_event_id=2),
        frames={"": b"next"},
        timers_removed=["|wait"],
        effects=[EffectRow(2, "task", "a", "", b"task")],
        events=EventRecord(2, 2, b"more"),
        payloads={b"hash": "x" * 300},
    )
    third = TurnRecord(
        key=key,
        version=3,
        change=succeeded(NOW + 10, last_event_id=3),
        frames_removed=[""],
        effects_removed=[2],
        effects_removed_below=[""],
        timers_removed_below=[""],
        events=EventRecord(3, 3, b"end"),
    )
    return first, second, third


async def one_run(store: Store) -> None:
    for turn in run_of(NEW):
        await store.commit([turn])


async def many_runs(store: Store) -> None:
    runs = [run_of(NEW + 100 + number) for number in range(GROUP)]
    for turns in zip(*runs, strict=True):
        await store.commit(turns)


async def wake_one(store: Store) -> None:
    loaded = await store.load_execution(ASLEEP)
    assert loaded is not None
    version = loaded.row.version + 1
    change = replace(loaded.row.change, last_event_id=2)
    await store.commit(
        [
            TurnRecord(
                key=ASLEEP,
                version=version,
                change=change,
                timers={"|wait": NOW + 2 * DAY},
                events=EventRecord(2, 2, b"more"),
            )
        ]
    )


async def all_of_a_sweep(store: Store) -> None:
    assert await store.retention.ended(NOW, 100) == []
    assert await store.retention.resumable(0, NOW, None, 100) == ([], None)
    await store.retention.give_back(1)


async def drop_three(store: Store) -> None:
    assert await store.retention.delete([3_000_001, 3_000_002, 3_000_003], 500) == 3


def listing(status: str | None, after: ListPosition | None = None, qualified: str | None = None) -> Call:
    return lambda store: store.list_executions(1, status, after, 20, qualified)


MACHINE = f"{ACCOUNT}stateMachine:Orders"
MIDDLE = ListPosition(NOW + 3_000_020, 3_000_020)

CALLS: dict[str, Call] = {
    "an execution, start to end": one_run,
    "sixty-four executions, start to end, in three commits": many_runs,
    "an execution that sleeps takes a turn": wake_one,
    "DescribeExecution": lambda store: store.find_execution(f"{ACCOUNT}execution:Orders:{name_of(ASLEEP)}"),
    "the key of an execution": lambda store: store.execution_key(f"{ACCOUNT}execution:Orders:{name_of(ASLEEP)}"),
    "an execution is loaded": lambda store: store.load_execution(WORKING),
    "a history": lambda store: store.history(ASLEEP, 1, 100, False),
    "a history from its end": lambda store: store.history(ASLEEP, 1, 100, True),
    "payloads": lambda store: store.payloads(ASLEEP, [b"hash"]),
    "ListExecutions": listing(None),
    "ListExecutions, RUNNING": listing("RUNNING"),
    "ListExecutions, SUCCEEDED": listing("SUCCEEDED"),
    "ListExecutions, of a status that none has": listing("ABORTED"),
    "ListExecutions, a page in the middle": listing(None, MIDDLE),
    "ListExecutions, of a version": listing(None, qualified=f"{MACHINE}:1"),
    "ListExecutions, of an alias": listing("RUNNING", qualified=f"{MACHINE}:live"),
    "whether anything runs": lambda store: store.has_executions(1, "RUNNING"),
    "timers that are due": lambda store: store.due_timers(NOW, 1000),
    "the next timer": lambda store: store.next_timer(NOW),
    "the outbox of tasks": lambda store: store.outbox("task", (0, 0), 200),
    "the outbox of messages": lambda store: store.outbox("message", (0, 0), 200),
    "a task for a worker": lambda store: store.outbox_of("activity", f"{ACCOUNT}activity:dig", 1),
    "one effect": lambda store: store.effect(WORKING, 2),
    "executions on virtual clocks": lambda store: store.virtual_executions(0, 200),
    "machines that are being deleted": lambda store: store.deleting_machines(),
    "a sweep that finds nothing": all_of_a_sweep,
    "three executions are let go of": drop_three,
    "a job": lambda store: store.jobs.find(f"job-{WORKING}"),
    "a listing of jobs": lambda store: store.jobs.list(JobFilter(), None, 20),
    "a listing of jobs of a type": lambda store: store.jobs.list(JobFilter(type="other"), None, 20),
    "jobs that run, of another type": lambda store: store.jobs.running(["other"]),
    "jobs that wait": lambda store: store.jobs.next_queued("report", [], 10),
    "how many jobs wait": lambda store: store.jobs.count_queued(),
    "what a crash has left of the queue": lambda store: store.jobs.settle_queue(),
    "jobs that are to be told of": lambda store: store.jobs.to_be_told(10),
    "jobs that have expired": lambda store: store.jobs.expired(NOW * 10, 100),
    "when a job expires": lambda store: store.jobs.next_expiry(),
    "schedules that are due": lambda store: store.schedules.due(NOW, 100),
    "runs that are due": lambda store: store.schedules.runs(NOW, [], 100),
    "when a schedule is due": lambda store: store.schedules.next_moment(0),
    "where deliveries go": lambda store: store.notices.destinations(),
    "deliveries that are due": lambda store: store.notices.due("http://127.0.0.1/", NOW, 100),
    "sealed values that are to be destroyed": lambda store: store.vault.destroy_due(NOW, 100),
}


Paths: TypeAlias = tuple[Path, Path]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """A store of a few and one of many; the tests add next to nothing to them."""
    folder = tmp_path_factory.mktemp("growth")

    async def make(count: int) -> Path:
        path = folder / f"{count}.db"
        store = await open_store(str(path))
        await fill(store, count)
        await store.close()
        return path

    return asyncio.run(make(FEW)), asyncio.run(make(MANY))


async def count(path: Path, call: Call) -> tuple[Counter, list[str]]:
    """What a call does on the store at `path`, and the plans of its statements that read through something or sort."""
    store = cast(SqliteStore, await open_store(str(path)))
    try:
        with Counted(store).counting() as counter:
            await call(store)
        return counter, [finding for on, text in dict.fromkeys(counter.statements) for finding in _bad_plan(on, text)]
    finally:
        await store.close()


def _bad_plan(connection: sqlite3.Connection, text: str) -> Iterator[str]:
    if not re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|REPLACE|WITH)\b", text):
        return
    for *_, step in connection.execute(f"EXPLAIN QUERY PLAN {text}").fetchall():
        scans = step.startswith("SCAN") and not HARMLESS.match(step) and not step.endswith(MEANT)
        if scans or "USE TEMP B-TREE" in step:
            yield f"{step}: {text}"


@pytest.mark.parametrize("what", CALLS)
async def test_an_operation_costs_the_same_however_much_is_stored(filled: Paths, what: str) -> None:
    (few, _), (many, bad) = await count(filled[0], CALLS[what]), await count(filled[1], CALLS[what])
    assert bad == [], "these read through a table, or sort"
    assert len(many.statements) == len(few.statements)
    assert few.steps > 0
    assert many.steps <= few.steps * 1.2


async def test_a_commit_writes_little_more_to_the_disk_however_much_is_stored(filled: Paths) -> None:
    """Rows of one time lie together. Only the names of executions lie apart: a page or two each, when they start."""
    few, many = [await _pages_written(path) for path in filled]
    starts, going_on, ends = (after - before for before, after in zip(few, many, strict=True))
    assert starts <= 2 * GROUP
    assert max(going_on, ends) <= 20


async def _pages_written(path: Path) -> list[int]:
    """How many pages of log each commit of a group's start, next turn and end takes."""
    store = cast(SqliteStore, await open_store(str(path)))
    log = path.with_name(f"{path.name}-wal")
    pages = []
    try:
        for turns in zip(*[run_of(NEW + 1000 + number) for number in range(GROUP)], strict=True):
            store._files.writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            await store.commit(turns)
            pages.append(log.stat().st_size // PAGE)
    finally:
        await store.close()
    return pages
