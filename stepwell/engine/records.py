"""From turns to what the store keeps, and back.

Rules that must stay true here:
- What is stored is enough to go on from: a frame, a timer, an effect that is not in a record is lost with the process.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence

import orjson

from stepwell.language.resource import parse_resource
from stepwell.machine.codec import encode_data, encode_frame
from stepwell.machine.history import PayloadSink, encode_events
from stepwell.machine.turn import TaskEffect, Turn
from stepwell.store.protocol import EffectRow, EventRecord, ExecutionChange, NewExecution, TurnRecord
from stepwell.store.vault import VaultChange

CONTINUE = "|continue"  # the timer that stands for what a spent budget has left

NOTICE = "notice"  # the kind of the outbox's rows that tell of changes of status
MESSAGE = "message"  # the kind of the outbox's rows that are messages; their targets are what they say:
STARTED = "started"  # a child to its parent: it exists
ENDED = "ended"  # a child to its parent: it has ended
CHILD_ENDED = "childEnded"  # a child to its map run (its key, the status, how many items, the time is the data)
MAP_RUN_ENDED = "mapRunEnded"  # a map run to its parent
REDRIVE = "redrive"  # a parent to a map run (its ARN, the new token, the time are the data): it is awaited again
ABORT = "abort"  # a parent to its child (its ARN is the data): nobody waits for it any more


def turn_record(
    key: int,
    version: int,
    turn: Turn,
    *,
    new: NewExecution | None,
    clock: int | None,
    now: int,
    continued: bool,
    logged: bool = True,
    mocked: frozenset[int] = frozenset(),
    messages: Sequence[EffectRow] = (),
    settled: Sequence[tuple[int, int]] = (),
    requires: tuple[int, int] | None = None,
    vault: VaultChange | None = None,
    stored: Container[bytes] = frozenset(),
) -> TurnRecord:
    """The record that commits a turn. `continued` says that the turn was the Continue of an earlier one, or ended what
    such a one was to go on with; `logged` that its events are kept; `mocked` holds the ids of effects that need no
    worker though they are an activity's. `messages` are rows for the outbox; for `settled`, `requires` and `vault` see
    `TurnRecord`. `stored` are the names of large texts that the store has."""
    sink = PayloadSink(stored)
    events = None
    if turn.events and logged:
        events = EventRecord(turn.events[0].id, turn.events[-1].id, encode_events(turn.events, sink))
    timers = dict(turn.timers)
    timers_removed = list(turn.timers_removed)
    if turn.more:
        timers[CONTINUE] = now
    elif continued:
        timers_removed.append(CONTINUE)
    return TurnRecord(
        key=key,
        version=version,
        new=new,
        change=ExecutionChange(
            status=turn.status,
            last_event_id=turn.last_event_id,
            clock=clock,
            stop_date=turn.stop_date,
            output=turn.output.text if turn.output is not None else None,
            error=turn.error,
            cause=turn.cause,
            redrive_count=turn.redrive_count,
            redrive_date=turn.redrive_date,
            data=encode_data(turn.calls, turn.redrive_tokens),
        ),
        frames_removed=turn.frames_removed,
        frames={path: encode_frame(frame, sink) for path, frame in turn.frames.items()},
        events=events,
        timers_removed=timers_removed,
        timers_removed_below=turn.timers_removed_below,
        timers=timers,
        virtual_timers=clock is not None,
        effects_removed=turn.effects_removed,
        effects_removed_below=turn.effects_removed_below,
        effects=[*(_effect_row(effect, sink, effect.id in mocked) for effect in turn.effects), *messages],
        payloads=sink.texts,
        settled=settled,
        requires=requires,
        vault=vault,
    )


def messages_of(identity: NewExecution, turn: Turn, clock: int | None, *, first: bool) -> list[EffectRow]:
    """What a turn has to tell other executions: its parent that it begins and ends, its children that they are no
    longer wanted, or wanted again. The ids are those of events that no task has."""
    rows = [EffectRow(abort.id, MESSAGE, ABORT, None, abort.child.encode()) for abort in turn.aborts]
    for redrive in turn.map_run_redrives:  # below all events: the map run's abort has the event's own id
        data = orjson.dumps((redrive.arn, redrive.token, clock))
        rows.append(EffectRow(-redrive.id, MESSAGE, REDRIVE, None, data))
    if identity.awaited_by is not None and first:
        rows.append(EffectRow(1, MESSAGE, STARTED, None, b""))
    if turn.status != "RUNNING":
        if identity.awaited_by is not None:
            rows.append(EffectRow(turn.last_event_id, MESSAGE, ENDED, None, b""))
        elif identity.map_run_arn is not None and not first:  # else the map run's own turn counts it
            data = orjson.dumps((identity.parent_key, turn.status, identity.item_count, clock))
            rows.append(EffectRow(turn.last_event_id, MESSAGE, CHILD_ENDED, None, data))
    return rows


def _effect_row(effect: TaskEffect, sink: PayloadSink, mocked: bool) -> EffectRow:
    submitted = None if effect.submitted is None else sink.keep(effect.submitted)
    data = orjson.dumps(
        (
            effect.resource.arn,
            sink.keep(effect.input),
            effect.token,
            effect.state_name,
            effect.deadline,
            effect.call,
            submitted,
            effect.role,
        )
    )
    kind = "activity" if effect.resource.kind == "activity" and not mocked else "task"
    return EffectRow(effect.id, kind, effect.resource.arn, effect.path, data)


def effect_references(row: EffectRow) -> list[bytes]:
    """The hashes of the large texts that an effect's row refers to."""
    data = orjson.loads(row.data)
    return [bytes.fromhex(text[0]) for text in (data[1], *data[6:7]) if isinstance(text, list)]


def decode_effect(row: EffectRow, text_of: Callable[[bytes], str]) -> TaskEffect:
    assert row.path is not None
    arn, input, token, state_name, deadline, call, *rest = orjson.loads(row.data)
    submitted, role = (*rest, None, None)[:2]  # earlier versions kept neither
    input, submitted = (
        text_of(bytes.fromhex(text[0])) if isinstance(text, list) else text for text in (input, submitted)
    )
    return TaskEffect(row.id, row.path, parse_resource(arn), input, token, state_name, deadline, call, submitted, role)
