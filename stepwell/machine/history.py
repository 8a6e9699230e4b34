"""History events, and the record that keeps the events of one turn.

Rules that must stay true here:
- Events are as AWS writes them: types, ids without a gap from 1, `previousEventId`, details.
- A record is self-contained but for its large texts: those are kept once an execution, by hash.
- What can be told from the type alone (the name of the details member, `…Details.truncated`) is not stored.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from hashlib import blake2b

import orjson
from msgspec import Struct

from stepwell.language.values import Json
from stepwell.machine.datum import Datum

LARGE = 256  # bytes; a longer text is kept once an execution
ASSIGNED = "assignedVariables"  # the one detail that holds texts by name


class Event(Struct, frozen=True, gc=False):
    """One history event. `timestamp` is in milliseconds since 1970; `details` holds the members of AWS's details shape,
    without `inputDetails`, `outputDetails` and `assignedVariablesDetails`."""

    id: int
    previous_id: int
    type: str
    timestamp: int
    details: Mapping[str, Json]


def payload_hash(text: str) -> bytes:
    """The name of a large text inside its execution."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class PayloadSink:
    """Collects the large texts of one turn. `keep` gives back what stands for a text in a record; those whose names are
    `stored` already are not collected again."""

    __slots__ = ("_known", "_stored", "texts")

    def __init__(self, stored: Container[bytes] = frozenset()) -> None:
        self.texts: dict[bytes, str] = {}
        self._known: dict[int, tuple[str, str]] = {}
        self._stored = stored

    def keep(self, text: str) -> str | list[str]:
        """The text itself where it is short, else a reference `["hash in hex"]`."""
        if len(text) <= LARGE:
            return text
        known = self._known.get(id(text))
        if known is not None and known[0] is text:
            return [known[1]]
        name = self._collect(payload_hash(text), text)
        self._known[id(text)] = (text, name)
        return [name]

    def keep_datum(self, datum: Datum) -> str | list[str]:
        """The same for the text of a datum, whose name is found once, however many turns keep it."""
        text = datum.text
        if len(text) <= LARGE:
            return text
        if datum.name is None:
            datum.name = payload_hash(text)
        return [self._collect(datum.name, text)]

    def _collect(self, digest: bytes, text: str) -> str:
        if digest not in self._stored:
            self.texts[digest] = text
        return digest.hex()


def encode_events(events: Sequence[Event], sink: PayloadSink) -> bytes:
    """The record of a turn's events. Where a log leaves events out, a number tells how many ids are passed over."""
    keep = sink.keep
    rows: list[object] = []
    next_id = events[0].id
    for event in events:
        if event.id != next_id:
            rows.append(event.id - next_id)
        next_id = event.id + 1
        details: Mapping[str, object] = event.details
        if not _is_short(details):
            details = {name: _kept(value, keep) for name, value in details.items()}
        rows.append((event.type, event.previous_id, event.timestamp, details))
    return orjson.dumps(rows)


def _is_short(details: Mapping[str, object]) -> bool:
    """Whether none of the texts is to be kept beside the record. Asked for every event: no generator is made."""
    for value in details.values():
        if isinstance(value, str) and len(value) > LARGE:
            return False
    return ASSIGNED not in details


def _kept(value: object, keep: Callable[[str], str | list[str]]) -> object:
    if isinstance(value, dict):
        return {name: _kept(item, keep) for name, item in value.items()}
    return keep(value) if isinstance(value, str) else value


def references(data: bytes) -> list[bytes]:
    """The hashes of the large texts that a record refers to."""
    found: list[bytes] = []
    for row in orjson.loads(data):
        if isinstance(row, int):
            continue
        details = row[3]
        for value in (*details.values(), *details.get(ASSIGNED, {}).values()):
            if isinstance(value, list):
                found.append(bytes.fromhex(value[0]))
    return found


def decode_events(first_id: int, data: bytes, text_of: Callable[[bytes], str]) -> list[Event]:
    """The events of a record that begins with `first_id`; `text_of` gives the large text of a hash."""
    events: list[Event] = []
    event_id = first_id
    for row in orjson.loads(data):
        if isinstance(row, int):
            event_id += row
            continue
        kind, previous, timestamp, details = row
        for texts in (details, details.get(ASSIGNED, {})):
            for name, value in texts.items():
                if isinstance(value, list):
                    texts[name] = text_of(bytes.fromhex(value[0]))
        events.append(Event(event_id, previous, kind, timestamp, details))
        event_id += 1
    return events
