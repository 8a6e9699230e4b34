"""The stored form of frames and of an execution's own data.

Rules that must stay true here:
- A frame's record is small: large texts are kept once an execution, by hash, beside those of its events.
- What can be told from the definition (the program of a branch, the items of a Map) is not stored.
- A record begins with the number of its form, so that a later version can still read it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import orjson

from stepwell.language.model import Map, Parallel, Program
from stepwell.machine.datum import Datum
from stepwell.machine.execution import Doing, Frame, RedriveToken, parent_path
from stepwell.machine.history import PayloadSink
from stepwell.machine.variables import NO_VARIABLES, Variables

_FORM = 1
_ITEMS = 25  # where the items of a Map stand, in the records that hold any


def encode_frame(frame: Frame, sink: PayloadSink) -> bytes:
    """The record of a frame; its large texts go to the sink."""
    keep = sink.keep_datum
    return orjson.dumps(
        (
            _FORM,
            frame.state,
            frame.doing,
            keep(frame.input),
            frame.last_id,
            frame.entered_id,
            frame.entered_at,
            frame.retries,
            frame.retry_count,
            frame.token,
            frame.scheduled_id,
            frame.heartbeat_ms,
            frame.claimed,
            frame.total,
            frame.started,
            frame.ended,
            frame.limit,
            None if frame.item is None else keep(frame.item),
            None if frame.output is None else keep(frame.output),
            frame.index,
            {name: keep(datum) for name, datum in frame.variables.data.items()} or None,
            frame.submitted,
            frame.child,
            frame.map_run,
            frame.redrives,
            *(() if frame.items is None else (keep(frame.items),)),
        )
    )


def frame_references(record: bytes) -> list[bytes]:
    """The hashes of the large texts that a frame's record refers to."""
    row = orjson.loads(record)
    texts = [row[3], row[17], row[18], *(row[20] or {}).values(), *row[_ITEMS:]]
    return [bytes.fromhex(text[0]) for text in texts if isinstance(text, list)]


def decode_frames(program: Program, records: Mapping[str, bytes], text_of: Callable[[bytes], str]) -> dict[str, Frame]:
    """All frames of an execution. `program` is the machine's; the branches' are found through their parents."""
    frames: dict[str, Frame] = {}
    for path in sorted(records, key=lambda path: path.count("/")):
        frames[path] = _decode(path, _program_of(program, frames, path), records[path], text_of)
    return frames


def _program_of(root: Program, frames: Mapping[str, Frame], path: str) -> Program:
    if path == "":
        return root
    parent = frames[parent_path(path)]
    state = parent.program.states[parent.state]
    if isinstance(state, Map):
        return state.processor
    assert isinstance(state, Parallel)
    return state.branches[int(path.rsplit(".", 1)[1][:-1])]


def _decode(path: str, program: Program, record: bytes, text_of: Callable[[bytes], str]) -> Frame:
    row = orjson.loads(record)
    if row[0] != _FORM:
        raise ValueError(f"a frame's record has form {row[0]}; this version reads form {_FORM}")

    def text(value: object) -> str:
        return text_of(bytes.fromhex(value[0])) if isinstance(value, list) else cast(str, value)

    def datum(value: object) -> Datum | None:
        return None if value is None else Datum.of_text(text(value))

    return Frame(
        path=path,
        program=program,
        state=row[1],
        doing=cast(Doing, row[2]),
        input=Datum.of_text(text(row[3])),
        last_id=row[4],
        entered_id=row[5],
        entered_at=row[6],
        retries=tuple(row[7]),
        retry_count=row[8],
        token=row[9],
        scheduled_id=row[10],
        heartbeat_ms=row[11],
        claimed=row[12],
        submitted=row[21],
        child=row[22],
        map_run=row[23] if len(row) > 23 else "",  # the first version kept neither
        redrives=row[24] if len(row) > 23 else 0,
        total=row[13],
        started=row[14],
        ended=row[15],
        limit=row[16],
        item=datum(row[17]),
        output=datum(row[18]),
        index=row[19],
        variables=_variables(row[20], text),
        items=datum(row[_ITEMS]) if len(row) > _ITEMS else None,
    )


def _variables(kept: Mapping[str, object] | None, text: Callable[[object], str]) -> Variables:
    return Variables({name: Datum.of_text(text(value)) for name, value in kept.items()}) if kept else NO_VARIABLES


def encode_data(calls: Mapping[str, int], redrives: Sequence[RedriveToken]) -> bytes:
    """The execution's own data: how often each Task state was called, and the client tokens of its redrives. Empty
    where there is nothing to keep."""
    return orjson.dumps((calls, [tuple(token) for token in redrives])) if calls or redrives else b""


def decode_data(data: bytes) -> tuple[dict[str, int], tuple[RedriveToken, ...]]:
    """What `encode_data` encoded."""
    if not data:
        return {}, ()
    calls, redrives = orjson.loads(data)
    return calls, tuple(RedriveToken(*token) for token in redrives)
