"""Reading history: events from the records of turns."""

from __future__ import annotations

from stepwell.machine.history import Event, decode_events, references
from stepwell.store.protocol import Store


async def read_history(store: Store, key: int, from_id: int, limit: int, reverse: bool) -> list[Event]:
    """Up to `limit` events of an execution: from `from_id` up, or down from it when `reverse`."""
    records = await store.history(key, from_id, limit, reverse)
    wanted = {digest for record in records for digest in references(record.data)}
    texts = await store.payloads(key, list(wanted)) if wanted else {}
    events: list[Event] = []
    for record in records:
        found = decode_events(record.first_id, record.data, texts.__getitem__)
        if reverse:
            events.extend(event for event in reversed(found) if event.id <= from_id)
        else:
            events.extend(event for event in found if event.id >= from_id)
        if len(events) >= limit:
            break
    return events[:limit]
