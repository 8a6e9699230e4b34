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
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

SCHEMA_NOTE = "Times are milliseconds since 1970 (UTC); texts are UTF-8."


class StoreError(Exception):
    """The store cannot be opened or used; the message says what is wrong and what to do about it."""


class StoreBusy(StoreError):
    """Another server has the store open."""


class StoreTooNew(StoreError):
    """The database was made by a newer version of Stepwell."""


class StoreCorrupt(StoreError):
    """The file is not a sound database."""


class StoreFull(StoreError):
    """The disk is full, or the file cannot be written: nothing of the refused commit has happened."""


class Answer(Enum):
    """What became of a turn."""

    ACCEPTED = "accepted"
    STALE = "stale"  # the execution has another version than the turn was computed on
    EXISTS = "exists"  # the turn starts an execution whose ARN is taken


@dataclass(frozen=True, slots=True, kw_only=True)
class NewExecution:
    """The part of an execution that never changes. `key` is the store's own name for it, drawn by the engine."""

    key: int
    arn: str
    machine_arn: str  # unqualified
    machine_id: int  # which incarnation of that name: a machine made anew does not show the executions of its forebear
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
    parent_key: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionChange:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionRow:
    """An execution as it is read back."""

    new: NewExecution
    change: ExecutionChange
    version: int


@dataclass(frozen=True, slots=True)
class EventRecord:
    """The events of one turn, as the machine encoded them. `first_id` to `last_id` without a gap."""

    first_id: int
    last_id: int
    data: bytes


@dataclass(frozen=True, slots=True)
class EffectRow:
    """An effect that is waiting to be carried out: a row of the outbox.

    `id` is unique in its execution (the id of the event that scheduled it). `kind` and `target` are what rows are found
    by: ("activity", activity ARN), ("task", resource). `path` is the frame that it belongs to.
    """

    id: int
    kind: str
    target: str
    path: str
    data: bytes


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An effect read back, with the execution that it belongs to."""

    key: int
    effect: EffectRow


@dataclass(frozen=True, slots=True)
class TimerRow:
    """A timer read back. `name` is `path + "|" + kind`."""

    key: int
    name: str
    due: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRecord:
    """Everything that one turn changes, committed as a whole or not at all.

    `version` is the version that the turn makes; the store refuses it (STALE) unless the execution stands at
    `version - 1`. `new` comes with the first turn only (version 1). Removals are carried out before additions.
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


@dataclass(frozen=True, slots=True)
class LoadedExecution:
    """All that a turn needs to go on from."""

    row: ExecutionRow
    frames: Mapping[str, bytes]
    timers: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineRow:
    """A state machine at its newest revision. `id` is given by the store (0 while it has none)."""

    arn: str
    name: str
    type: str  # STANDARD or EXPRESS
    status: str  # ACTIVE or DELETING
    definition_hash: str
    role_arn: str
    creation_date: int
    update_date: int
    revision_id: str
    configuration: str  # JSON: loggingConfiguration, tracingConfiguration, encryptionConfiguration as the client gave them
    id: int = 0


@dataclass(frozen=True, slots=True)
class ActivityRow:
    arn: str
    name: str
    creation_date: int
    configuration: str = "{}"  # JSON: encryptionConfiguration


@dataclass(frozen=True, slots=True)
class ListPosition:
    """Where a listing goes on: just behind the row with this date and key (newest first)."""

    date: int
    key: int


class Store(Protocol):
    """One durable log. Opened by `open_store(url_or_path)` (`stepwell/store/open.py`), closed by `close`."""

    async def close(self) -> None:
        """Finish what is under way and let go of the store."""
        ...

    # -- executions
    async def commit(self, turns: Sequence[TurnRecord]) -> Sequence[Answer]:
        """Commit turns in one durable transaction, in order; one answer a turn.

        A turn whose predecessor in the same call was refused is STALE by itself. Raises StoreFull, StoreError: then no
        turn of the call has happened.
        """
        ...

    async def find_execution(self, arn: str) -> ExecutionRow | None: ...

    async def execution_key(self, arn: str) -> int | None: ...

    async def load_execution(self, key: int) -> LoadedExecution | None: ...

    async def list_executions(
        self, machine_id: int, status: str | None, after: ListPosition | None, limit: int
    ) -> Sequence[tuple[ListPosition, ExecutionRow]]:
        """Newest first: by stop date once ended, by start date while running. The rows carry no input and no output."""
        ...

    async def count_executions(self, machine_id: int, status: str) -> int: ...

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

    async def delete_execution(self, key: int) -> None:
        """Remove an execution and all that belongs to it."""
        ...

    async def running_executions(self, after: int, limit: int) -> Sequence[int]:
        """Keys of executions that are RUNNING, in order, behind the key `after`."""
        ...

    # -- definitions, machines, activities, tags
    async def put_definition(self, hash: str, text: str) -> None: ...

    async def definition(self, hash: str) -> str | None: ...

    async def create_machine(self, row: MachineRow, definition: str, tags: Mapping[str, str]) -> MachineRow | None:
        """The row with its id; None where the ARN is taken (nothing is written then)."""
        ...

    async def update_machine(self, row: MachineRow, definition: str | None) -> bool:
        """Replace the row with this `id`. False where there is none any more."""
        ...

    async def find_machine(self, arn: str) -> MachineRow | None: ...

    async def delete_machine(self, id: int) -> None:
        """Remove a machine and its tags; its executions stay."""
        ...

    async def list_machines(self, arn_prefix: str, after: ListPosition | None, limit: int) -> Sequence[MachineRow]:
        """Machines whose ARN begins so (a region and an account), oldest first, behind `after` (date, id)."""
        ...

    async def create_activity(self, row: ActivityRow, tags: Mapping[str, str]) -> bool:
        """False where the ARN is taken."""
        ...

    async def find_activity(self, arn: str) -> ActivityRow | None: ...

    async def delete_activity(self, arn: str) -> None: ...

    async def list_activities(
        self, arn_prefix: str, after: tuple[int, str] | None, limit: int
    ) -> Sequence[ActivityRow]:
        """Oldest first, behind `after` (creation date, name)."""
        ...

    async def tags(self, arn: str) -> Mapping[str, str]: ...

    async def set_tags(self, arn: str, set: Mapping[str, str], removed: Sequence[str], limit: int) -> bool:
        """Write tags in one transaction. False, and nothing written, where more than `limit` would result."""
        ...

    # -- settings of the store itself
    async def secret(self, name: str) -> bytes:
        """32 random bytes that are drawn once a store and name, and stay the same (page tokens, keyed hashes)."""
        ...
