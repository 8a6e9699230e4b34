"""What the house asks of a store: the durable log behind one protocol.

Rules that must stay true here:
- A store interprets nothing: frames, events and effects are bytes to it.
- `commit` is the only way in which an execution changes. It takes many turns and answers for each; a refused turn never
  harms the others, and what has been answered ACCEPTED survives a power cut.
- All times are whole milliseconds since 1970 (UTC).
- Every method is async and may be called from one event loop at any rate; none blocks the loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import ClassVar, Protocol

from msgspec import Struct, field

from stepwell.store.catalog import (
    ActivityRow,
    AliasRow,
    Catalog,
    ListPosition,
    MachineRow,
    Refusal,
    RevisionRow,
    Route,
    VersionRow,
)
from stepwell.store.connections import ConnectionStore
from stepwell.store.jobs import Jobs, NewJob
from stepwell.store.leases import Leases
from stepwell.store.logs import LogStore
from stepwell.store.notices import Notices
from stepwell.store.retention import RetentionStore
from stepwell.store.schedules import Schedules
from stepwell.store.vault import VaultChange, VaultStore

__all__ = [
    "ActivityRow",
    "AliasRow",
    "Answer",
    "Catalog",
    "EffectRow",
    "EventRecord",
    "ExecutionChange",
    "ExecutionRow",
    "ListPosition",
    "LoadedExecution",
    "MachineRow",
    "NewExecution",
    "OutboxRow",
    "Refusal",
    "RevisionRow",
    "Route",
    "Store",
    "StoreBusy",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreLost",
    "StoreTooNew",
    "StoreUnavailable",
    "TimerRow",
    "TurnRecord",
    "VersionRow",
]

SCHEMA_NOTE = "Times are milliseconds since 1970 (UTC); texts are UTF-8."


class StoreError(Exception):
    """The store cannot be opened or used; the message says what is wrong and what to do about it. `reason` is one word
    for it."""

    reason: ClassVar[str] = "other"


class StoreTooNew(StoreError):
    """The database was made by a newer version of Stepwell."""


class StoreCorrupt(StoreError):
    """The file is not a sound database."""

    reason = "corrupt"


class StoreUnavailable(StoreError):
    """Nothing can be stored now. `told` is what clients may know of it."""

    told: ClassVar[str]


class StoreBusy(StoreUnavailable):
    """Another server has the store open."""

    reason = "busy"
    told = "The database of the server is in use by another program. Nothing of this was stored."


class StoreFull(StoreUnavailable):
    """The disk is full, or the file cannot be written: nothing of the refused commit has happened."""

    reason = "full"
    told = "The disk of the server is full, or cannot be written. Nothing of this was stored."


class StoreLost(StoreUnavailable):
    """The file was removed, replaced or damaged while it was open: what is stored in it may never be found again."""

    reason = "lost"
    told = "The database of the server was removed, replaced or damaged. Do not count on this being stored."


class Answer(Enum):
    """What became of a turn."""

    ACCEPTED = "accepted"
    STALE = "stale"  # the execution has another version than the turn was computed on
    EXISTS = "exists"  # the turn starts an execution whose ARN is taken


class NewExecution(Struct, frozen=True, kw_only=True):
    """The part of an execution that never changes. `key` is the store's own name for it, drawn by the engine.

    `job` is written with it, and not read back with it.
    """

    key: int
    arn: str
    machine_arn: str  # unqualified
    machine_id: int  # what lists it: an incarnation of the machine, never its forebear of the same name; or a map run
    name: str
    definition_hash: str
    revision_id: str
    role_arn: str
    start_date: int
    input: str  # the very text that the client sent
    trace_header: str | None = None
    version_arn: str | None = None
    alias_arn: str | None = None
    test_case: str | None = None  # the mock configuration's test case, from `stateMachineArn#TestCase`
    parent_key: int | None = None  # the execution or the map run that started it
    parent_token: str | None = None  # the token of the task that started it
    awaited_by: str | None = None  # the resource of that task, where it waits for the end
    map_run_arn: str | None = None  # where it is a child of a map run; `machine_id` is then the map run's key
    item_count: int = 0  # how many items of the map run it works on
    tokens_hold_clock: bool = False  # whether tasks that only a token or a worker can end hold its virtual clock
    job: NewJob | None = None  # the job that it is, where that is new as well
    unlogged: bool = False  # whether no events are kept: an Express child of a map run, where nobody asks for its log
    brand: str | None = None  # of the sealed values that it may open; read back by key only
    trace: str | None = None  # that it is part of; read back by key only


class ExecutionChange(Struct, frozen=True, kw_only=True):
    """The part of an execution that a turn writes, always as a whole.

    `clock` is None for the real clock, else the present time of the execution's virtual clock. `data` is the machine's.
    """

    status: str
    last_event_id: int
    clock: int | None = None
    stop_date: int | None = None
    output: str | None = None
    error: str | None = None
    cause: str | None = None
    redrive_count: int = 0
    redrive_date: int | None = None
    data: bytes = b""


class ExecutionRow(Struct, frozen=True, kw_only=True):
    """An execution as it is read back."""

    new: NewExecution
    change: ExecutionChange
    version: int


class EventRecord(Struct, frozen=True):
    """The events of one turn, as the machine encoded them. `first_id` to `last_id` without a gap."""

    first_id: int
    last_id: int
    data: bytes


class EffectRow(Struct, frozen=True):
    """An effect that is waiting to be carried out: a row of the outbox.

    `id` is unique in its execution (the id of the event that scheduled it). `kind` and `target` are what rows are found
    by: ("activity", activity ARN), ("task", resource), ("message", what it says). `path` is the frame that it belongs
    to; it is None for what outlives all frames, and is removed by its id only.
    """

    id: int
    kind: str
    target: str
    path: str | None
    data: bytes


class OutboxRow(Struct, frozen=True):
    """An effect read back, with the execution that it belongs to."""

    key: int
    effect: EffectRow


class TimerRow(Struct, frozen=True):
    """A timer read back. `name` is `path + "|" + kind`."""

    key: int
    name: str
    due: int


class TurnRecord(Struct, frozen=True, kw_only=True):
    """Everything that one turn changes, committed as a whole or not at all.

    `version` is the version that the turn makes; the store refuses it (STALE) unless the execution stands at
    `version - 1`. `new` comes with the first turn only (version 1). Removals are carried out before additions.
    `settled` names effects of other executions (key, effect id) that this turn has taken in: they are removed with it.
    `requires` is the key and version of another execution's turn: this turn is STALE unless that one stands.
    """

    key: int
    version: int
    change: ExecutionChange
    new: NewExecution | None = None
    frames_removed: Sequence[str] = ()  # path prefixes: the frame of that path and every frame below it; "" is all
    frames: Mapping[str, bytes] = field(default_factory=dict)
    events: EventRecord | None = None
    payloads: Mapping[bytes, str] = field(default_factory=dict)  # hash to text; a known pair is no error
    timers_removed: Sequence[str] = ()  # exact names
    timers_removed_below: Sequence[str] = ()  # path prefixes
    timers: Mapping[str, int] = field(default_factory=dict)  # name to due time; a known name is replaced
    virtual_timers: bool = False  # the timers are on a virtual clock: `due_timers` does not report them
    effects_removed: Sequence[int] = ()
    effects_removed_below: Sequence[str] = ()  # path prefixes
    effects: Sequence[EffectRow] = ()
    settled: Sequence[tuple[int, int]] = ()
    requires: tuple[int, int] | None = None
    vault: VaultChange | None = None


class LoadedExecution(Struct, frozen=True):
    """All that a turn needs to go on from."""

    row: ExecutionRow
    frames: Mapping[str, bytes]
    timers: Mapping[str, int]


class Store(Catalog, Protocol):
    """One durable log. Opened by `open_store(url_or_path)` (`stepwell/store/open.py`), closed by `close`."""

    @property
    def retention(self) -> RetentionStore: ...

    @property
    def jobs(self) -> Jobs:
        """What jobs have beside their executions."""
        ...

    @property
    def notices(self) -> Notices:
        """Who is told of executions' changes of status."""
        ...

    @property
    def schedules(self) -> Schedules:
        """What falls due when."""
        ...

    async def close(self) -> None:
        """Finish what is under way and let go of the store."""
        ...

    async def check(self) -> None:
        """Whether a commit would be taken now. Raises StoreError where not, as a commit would."""
        ...

    @property
    def vault(self) -> VaultStore: ...

    @property
    def logs(self) -> LogStore: ...

    @property
    def connections(self) -> ConnectionStore: ...

    @property
    def leases(self) -> Leases:
        """Which calls of functions remote workers hold."""
        ...

    # -- executions
    async def commit(self, turns: Sequence[TurnRecord]) -> Sequence[Answer]:
        """Commit turns in one durable transaction, in order; one answer a turn.

        Calls are carried out in the order in which they were made, those of one moment in one transaction.
        A turn whose predecessor in the same call was refused is STALE by itself. Raises StoreFull, StoreError: then no
        turn of the call has happened.
        """
        ...

    async def find_execution(self, arn: str) -> ExecutionRow | None: ...

    async def execution_key(self, arn: str) -> int | None: ...

    async def load_execution(self, key: int) -> LoadedExecution | None: ...

    async def execution_row(self, key: int) -> ExecutionRow | None:
        """As `load_execution` has it, without the frames: a Map may have them by the thousand."""

    async def list_executions(
        self,
        machine_id: int,
        status: str | None,
        after: ListPosition | None,
        limit: int,
        qualified_arn: str | None = None,
    ) -> Sequence[tuple[ListPosition, ExecutionRow]]:
        """Newest first: by stop date once ended, by start or redrive date while running.

        `qualified_arn` narrows it down to the executions of a version or an alias. The rows carry no input and no
        output.
        """
        ...

    async def has_executions(self, machine_id: int, status: str) -> bool:
        """Whether an execution is listed under a machine with a status."""
        ...

    async def history(self, key: int, from_id: int, limit: int, reverse: bool) -> Sequence[EventRecord]:
        """The records that hold up to `limit` events from `from_id` on (down from it when `reverse`), in that order.

        The first and the last record may hold more events than were asked for: the caller cuts.
        """
        ...

    async def payloads(self, key: int, hashes: Sequence[bytes]) -> Mapping[bytes, str]: ...

    async def due_timers(self, until: int, limit: int) -> Sequence[TimerRow]:
        """Timers on the real clock that are due up to `until`, soonest first."""
        ...

    async def next_timer(self, after: int) -> int | None:
        """The due time of the first timer on the real clock that is due later than `after`."""
        ...

    async def outbox(self, kind: str, after: tuple[int, int], limit: int) -> Sequence[OutboxRow]:
        """Waiting effects of a kind, in order of (execution key, effect id), behind `after`."""
        ...

    async def outbox_of(self, kind: str, target: str, limit: int) -> Sequence[OutboxRow]:
        """Waiting effects of a kind and a target, the oldest first (by execution key, effect id)."""
        ...

    async def effect(self, key: int, effect_id: int) -> EffectRow | None: ...

    async def settle(self, effects: Sequence[tuple[int, int]]) -> None:
        """Remove effects (key, effect id) that are carried out, where no turn records it."""
        ...

    async def children(self, map_run: int, after: int, limit: int) -> Sequence[ExecutionRow]:
        """Executions of the map run with this key, in order of their keys, behind the key `after`."""
        ...

    async def delete_execution(self, key: int) -> None:
        """Remove an execution and all that belongs to it."""
        ...

    async def running_executions(self, after: int, limit: int) -> Sequence[int]:
        """Keys of executions that are RUNNING, in order, behind the key `after`."""
        ...

    async def virtual_executions(self, after: int, limit: int) -> Sequence[int]:
        """Keys of executions with a timer on a virtual clock, in order, behind the key `after`."""
        ...

    async def count_running(self, most: int) -> int:
        """How many executions run, counted up to `most`."""
        ...

    # -- settings of the store itself
    async def keep_time(self, now: int) -> None:
        """Store what time it is, for `kept_time` after the next start."""
        ...

    async def kept_time(self) -> int:
        """The newest time that was stored; 0 where there is none."""
        ...

    async def secret(self, name: str) -> bytes:
        """32 random bytes that are drawn once a store and name, and stay the same (page tokens, keyed hashes)."""
        ...
