"""Whether what a store holds says what was written: the texts and records of every row, for `stepwell doctor`.

SQLite keeps no sum of what is in a row: bytes that a disk has changed are as good to it as any others. Large texts and
definitions have names that follow from them; records are read as the engine reads them.

Rules that must stay true here:
- A row is sound where the engine could go on from it, or answer with it.
- Nothing is told of a content but that it is damaged: it may be what clients have sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b, sha256
from typing import Final

import orjson

from stepwell.engine.records import NOTICE, decode_effect, effect_references
from stepwell.language.values import loads
from stepwell.machine.codec import decode_data, frame_references
from stepwell.machine.history import decode_events, references
from stepwell.store.contents import Content, Unsound, Value
from stepwell.store.protocol import EffectRow


def _payload(hash: Value, text: Value) -> Sequence[bytes]:
    if blake2b(_bytes(text), digest_size=16).digest() != hash:
        raise Unsound
    return ()


def _definition(hash: Value, text: Value) -> Sequence[bytes]:
    if sha256(_bytes(text)).hexdigest() != _text(hash):
        raise Unsound
    return ()


def _json(text: Value) -> Sequence[bytes]:
    if text is not None:
        loads(_text(text))
    return ()


def _history(first_id: Value, last_id: Value, data: Value) -> Sequence[bytes]:
    assert isinstance(first_id, int)
    events = decode_events(first_id, _bytes(data), lambda _: "")
    if not events or events[-1].id > _number(last_id) or any(not isinstance(event.type, str) for event in events):
        raise Unsound
    return references(_bytes(data))


def _frame(data: Value) -> Sequence[bytes]:
    if not isinstance(orjson.loads(_bytes(data)), list):
        raise Unsound
    return frame_references(_bytes(data))


def _effect(kind: Value, id: Value, target: Value, path: Value, data: Value) -> Sequence[bytes]:
    if _text(kind) not in ("task", "activity"):
        if _text(kind) == NOTICE and data:
            orjson.loads(_bytes(data))
        return ()
    row = EffectRow(_number(id), _text(kind), _text(target), _text(path), _bytes(data))
    decode_effect(row, lambda _: "")
    return effect_references(row)


def _data(data: Value) -> Sequence[bytes]:
    decode_data(_bytes(data))
    return ()


CONTENTS: Final = (
    Content("executions", "key", ("input",), _json, "inputs of executions"),
    Content("progress", "key", ("output",), _json, "outputs of executions"),
    Content("progress", "key", ("data",), _data, "records of executions' calls"),
    Content("payloads", "execution", ("hash", "text"), _payload, "large texts of executions"),
    Content("history", "execution", ("first_id", "last_id", "data"), _history, "records of histories"),
    Content("frames", "execution", ("data",), _frame, "frames of executions"),
    Content("effects", "execution", ("kind", "id", "target", "path", "data"), _effect, "tasks and messages"),
    Content("definitions", None, ("hash", "text"), _definition, "definitions"),
)
"""Everything that an execution goes on from, or is answered with."""


def _bytes(value: Value) -> bytes:
    if not isinstance(value, bytes):
        raise Unsound
    return value


def _text(value: Value) -> str:
    return _bytes(value).decode()


def _number(value: Value) -> int:
    if not isinstance(value, int):
        raise Unsound
    return value
