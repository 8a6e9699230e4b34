"""An execution that is in memory because something is happening to it.

Rules that must stay true here:
- What is in memory is what the store holds, plus turns that are on their way there; when one of these is refused, all
  of it is thrown away and read again.
- An execution that merely waits is not kept: the most recent few stay, within a fixed bound.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, cast, get_args

from msgspec import Struct, field
from msgspec.structs import replace

from stepwell.engine.programs import Compiled
from stepwell.engine.redrive import PERIOD
from stepwell.machine.codec import decode_data, decode_frames, frame_references
from stepwell.machine.datum import Datum
from stepwell.machine.execution import Execution, Status
from stepwell.machine.stimulus import Stimulus
from stepwell.machine.turn import Turn
from stepwell.store.protocol import LoadedExecution, NewExecution, Store, TurnRecord
from stepwell.store.vault import DESTROY, VaultChange

_STORED = 4_096  # names of large texts that are remembered for an execution


class Post(Struct):
    """A stimulus on its way to an execution. `reply` gets the committed turn, None where the stimulus was stale, or the
    error of the commit. `due` is set for a timer: it counts only while the timer still stands at that time. `settles`
    is the message (sender's key, effect id) that the stimulus came with, `at` the time of a sender on a virtual clock.
    """

    stimulus: Stimulus
    reply: asyncio.Future[Turn | None] | None = None
    due: int | None = None
    settles: tuple[int, int] | None = None
    at: int | None = None


class Live(Struct):
    """`execution`, `identity` and `compiled` are None until it is loaded. `unanswered` counts the turns that are being
    committed; `clock` is the present time of a virtual clock, and moves when a timer fires. `after_commit` holds what
    was stale by turns that are still being committed; `continuing` says that a Continue is on its way. `requires` is
    the turn of another execution that the first turn stands and falls with; `sealed` is what that turn brings to the
    vault. `stored` names large texts that the store has, or will have with the turns that are on their way."""

    key: int
    execution: Execution | None = None
    compiled: Compiled | None = None
    version: int = 0
    clock: int | None = None
    new: NewExecution | None = None  # until its first turn is computed
    requires: tuple[int, int] | None = None  # likewise
    sealed: VaultChange | None = None  # likewise
    timers: dict[str, int] = field(default_factory=dict)
    stored: set[bytes] = field(default_factory=set)
    inbox: deque[Post] = field(default_factory=deque)
    pumping: bool = False
    unanswered: int = 0
    after_commit: list[Post] = field(default_factory=list)
    continuing: bool = False
    discarded: bool = False
    identity: NewExecution | None = None  # that of `new`, or loaded

    def __post_init__(self) -> None:
        self.identity = self.new

    @property
    def brand(self) -> str | None:
        """That of the sealed values that the execution may open."""
        return None if self.execution is None else self.execution.opaque

    def vault_change(self, turn: Turn, now: int) -> VaultChange | None:
        """What a turn that is taken now, by the real clock, does to the vault; None for nothing."""
        assert self.execution is not None
        brand = self.execution.opaque
        if brand is None:
            return None
        change = self.sealed or VaultChange(brand=brand)
        if turn.status == "SUCCEEDED":
            return replace(change, until=DESTROY, values=())
        if turn.status != "RUNNING":
            return replace(change, until=now + PERIOD)
        begins = self.new is not None or self.execution.status != "RUNNING"
        return change if begins else None

    def apply(self, turn: Turn, record: TurnRecord) -> None:
        """Stand where the turn leads to."""
        execution = self.execution
        assert execution is not None
        apply_turn(execution, turn)
        for name in record.timers_removed:
            self.timers.pop(name, None)
        for prefix in record.timers_removed_below:
            for name in [name for name in self.timers if name.startswith(prefix)]:
                del self.timers[name]
        self.timers.update(record.timers)
        if len(self.stored) > _STORED:
            self.stored.clear()
        self.stored.update(record.payloads)
        self.version = record.version
        self.new = self.requires = self.sealed = None


def apply_turn(execution: Execution, turn: Turn) -> None:
    """Put an execution where a turn leads to."""
    frames, open_ = execution.frames, execution.open
    if "" in turn.frames_removed:
        frames.clear()
        open_.clear()
    else:
        for path in turn.frames_gone:
            del frames[path]
            open_.discard(path)
    frames.update(turn.frames)
    for path, frame in turn.frames.items():
        if frame.doing == "done":
            open_.discard(path)
        else:
            open_.add(path)
    execution.status = turn.status
    execution.last_event_id = turn.last_event_id
    execution.calls = dict(turn.calls)
    execution.redrive_count = turn.redrive_count
    execution.redrive_date = turn.redrive_date
    execution.redrive_tokens = turn.redrive_tokens


def new_execution(new: NewExecution) -> Execution:
    """An execution before its first turn."""
    return Execution(
        key=new.key,
        arn=new.arn,
        name=new.name,
        machine_arn=new.machine_arn,
        machine_name=new.machine_arn.rsplit(":", 1)[1],
        role_arn=new.role_arn,
        start_date=new.start_date,
        input=Datum.of_text(new.input),
        version_arn=new.version_arn,
        alias_arn=new.alias_arn,
        test_case=new.test_case,
        workflow="EXPRESS" if new.unlogged else "STANDARD",
        opaque=new.brand,
        trace=new.trace,
    )


async def restore(store: Store, loaded: LoadedExecution, compiled: Compiled) -> Execution:
    """The execution as the store has it."""
    row = loaded.row
    wanted: set[bytes] = set()
    for record in loaded.frames.values():
        wanted.update(frame_references(record))
    texts = await store.payloads(row.new.key, list(wanted)) if wanted else {}
    execution = new_execution(row.new)
    execution.status = _status(row.change.status)
    execution.last_event_id = row.change.last_event_id
    execution.redrive_count = row.change.redrive_count
    execution.redrive_date = row.change.redrive_date
    execution.calls, execution.redrive_tokens = decode_data(row.change.data)
    execution.frames = decode_frames(compiled.program, loaded.frames, texts.__getitem__)
    for frame in execution.frames.values():
        if frame.input.text == execution.input.text:  # one datum, as before: the client's text is known for its own
            frame.input = execution.input
    execution.open = {path for path, frame in execution.frames.items() if frame.doing != "done"}
    return execution


_STATUSES: Final = frozenset(get_args(Status))


def _status(text: str) -> Status:
    if text not in _STATUSES:
        raise ValueError(f"unknown status {text}")
    return cast(Status, text)
