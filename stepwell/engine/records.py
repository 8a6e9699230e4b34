"""From turns to what the store keeps, and back.

Rules that must stay true here:
- What is stored is enough to go on from: a frame, a timer, an effect that is not in a record is lost with the process.
"""

from __future__ import annotations

from collections.abc import Callable

import orjson

from stepwell.language.resource import parse_resource
from stepwell.machine.codec import encode_calls, encode_frame
from stepwell.machine.history import PayloadSink, encode_events
from stepwell.machine.turn import TaskEffect, Turn
from stepwell.store.protocol import EffectRow, EventRecord, ExecutionChange, NewExecution, TurnRecord

CONTINUE = "|continue"  # the timer that stands for what a spent budget has left


def turn_record(
    key: int,
    version: int,
    turn: Turn,
    *,
    new: NewExecution | None,
    clock: int | None,
    now: int,
    continued: bool,
    mocked: frozenset[int] = frozenset(),
) -> TurnRecord:
    """The record that commits a turn. `continued` says that the turn was the Continue of an earlier one; `mocked` holds
    the ids of effects that need no worker though they are an activity's."""
    sink = PayloadSink()
    events = None
    if turn.events:
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
            data=encode_calls(turn.calls),
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
        effects=[_effect_row(effect, sink, effect.id in mocked) for effect in turn.effects],
        payloads=sink.texts,
    )


def _effect_row(effect: TaskEffect, sink: PayloadSink, mocked: bool) -> EffectRow:
    data = orjson.dumps(
        (effect.resource.arn, sink.keep(effect.input), effect.token, effect.state_name, effect.deadline, effect.call)
    )
    kind = "activity" if effect.resource.kind == "activity" and not mocked else "task"
    return EffectRow(effect.id, kind, effect.resource.arn, effect.path, data)


def effect_references(row: EffectRow) -> list[bytes]:
    """The hashes of the large texts that an effect's row refers to."""
    input = orjson.loads(row.data)[1]
    return [bytes.fromhex(input[0])] if isinstance(input, list) else []


def decode_effect(row: EffectRow, text_of: Callable[[bytes], str]) -> TaskEffect:
    assert row.path is not None
    arn, input, token, state_name, deadline, call = orjson.loads(row.data)
    text = text_of(bytes.fromhex(input[0])) if isinstance(input, list) else input
    return TaskEffect(row.id, row.path, parse_resource(arn), text, token, state_name, deadline, call)
