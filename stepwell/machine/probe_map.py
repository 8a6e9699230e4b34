"""What a Map under test makes of its input before any iteration: its items, and the limits that it works under.

Rules that must stay true here:
- The fields are evaluated by the expressions that the machine evaluates, in the machine's order.
- The names are those of InspectionData in the API.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from stepwell.language.errors import QueryError
from stepwell.language.jsonpath_flow import JsonPathFlow
from stepwell.language.model import Expression, ItemBatcher, Map
from stepwell.language.scope import Scope
from stepwell.language.values import Json, dumps
from stepwell.machine.execution import Frame
from stepwell.machine.probe_notes import Notes
from stepwell.machine.run import Run


def look_at_map(run: Run, frame: Frame, state: Map, notes: Notes, source: Json) -> int | None:
    """Evaluates a Map's fields into the notes. `source` is what its ItemReader has read, None where it read nothing.

    The answer is the number of items, None where they are not known. Raises QueryError.
    """
    scope = run.scope(frame, state)
    inner = scope.on(state.flow.enter(scope))
    items = _items(state, inner, notes, source)
    limits = {
        "maxConcurrency": state.max_concurrency,
        "toleratedFailureCount": state.tolerated_count,
        "toleratedFailurePercentage": state.tolerated_percentage,
    }
    notes.data["maxConcurrency"] = 0
    notes.data.update((name, limit.evaluate(inner)) for name, limit in limits.items() if limit is not None)
    if items is None:
        return None
    selected = items
    if state.item_selector is not None:
        selected = [
            state.item_selector.evaluate(run.scope(frame, state, (index, item)).on(inner.input))
            for index, item in enumerate(items)
        ]
        notes.value("afterItemSelector", selected)
    if state.distribution is not None and state.distribution.batcher is not None:
        notes.value("afterItemBatcher", _batches(selected, state.distribution.batcher, inner))
    return len(items)


def exceeds_tolerance(data: Mapping[str, Json], failed: int | None, items: int | None) -> bool:
    """Whether so many failed iterations fail the Map. One that tolerates no number and no share of failures is not
    failed by a count alone (recorded)."""
    if not failed:
        return False
    count, share = data.get("toleratedFailureCount"), data.get("toleratedFailurePercentage")
    if isinstance(count, int) and failed > count:
        return True
    return isinstance(share, float) and bool(items) and failed * 100 / (items or 1) > share


def _items(state: Map, inner: Scope, notes: Notes, source: Json) -> list[Json] | None:
    """The items: those of the input, or of what the ItemReader has read.

    The input may stand for what was read (AWS developer guide, "Testing Distributed Map states"); where it is neither,
    the items are not known.
    """
    reader = None if state.distribution is None else state.distribution.reader
    if reader is None:
        return _noted(state, inner, notes)
    if source is None:
        try:
            return _noted(state, inner, notes)
        except QueryError:
            return None
    pointer = reader.config.get("ItemsPointer")
    if isinstance(pointer, str):
        source = _pointed(source, pointer)
        notes.value("afterItemsPointer", source)
    if isinstance(source, dict):
        return [{"Key": key, "Value": value} for key, value in source.items()]
    return source if isinstance(source, list) else None


def _noted(state: Map, inner: Scope, notes: Notes) -> list[Json]:
    items = state.items.evaluate(inner)
    assert isinstance(items, list)  # the language answers with a list, or raises QueryError
    if isinstance(state.flow, JsonPathFlow):
        notes.value("afterItemsPath", items)
    return items


def _batches(items: list[Json], batcher: ItemBatcher, inner: Scope) -> list[Json]:
    """The inputs of the children: each takes as many items as the numbers of items and of bytes allow, one at least."""
    most = _limit(batcher.max_items, inner)
    most_bytes = _limit(batcher.max_bytes, inner)
    shared: dict[str, Json] = {} if batcher.input is None else {"BatchInput": batcher.input.evaluate(inner)}
    empty = len(dumps({**shared, "Items": []}).encode())
    batches: list[list[Json]] = []
    size = 0
    for item in items:
        more = len(dumps(item).encode()) + 1  # with the comma after it
        if not batches or len(batches[-1]) >= most or size + more - 1 > most_bytes:
            batches.append([])
            size = empty
        batches[-1].append(item)
        size += more
    return [{**shared, "Items": batch} for batch in batches]


def _limit(expression: Expression | None, inner: Scope) -> float:
    value = None if expression is None else expression.evaluate(inner)
    return value if isinstance(value, int) else inf


def _pointed(source: Json, pointer: str) -> Json:
    """What a JSON pointer (RFC 6901) leads to. Raises QueryError."""
    value = source
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            cause = f"The ItemsPointer '{pointer}' leads to nothing in the data that the ItemReader has read."
            raise QueryError(cause, "States.ItemReaderFailed")
    return value
