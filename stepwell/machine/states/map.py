"""Map: one child frame an item, so many of them at once as the state allows.

Rules that must stay true here:
- The items are evaluated once, and not copied: a child's input is found again in the Map's own input, or in the items
  that are kept where they would be others the next time.
- A Map that runs inline never has more than 40 iterations under way (AWS documentation, "Map state, Inline mode").
"""

from __future__ import annotations

from stepwell.language.model import Map
from stepwell.language.values import Json
from stepwell.machine.datum import Datum
from stepwell.machine.execution import Frame
from stepwell.machine.run import Run
from stepwell.machine.states import map_run
from stepwell.machine.states.parallel import complete

INLINE_LIMIT = 40


def perform(run: Run, frame: Frame, state: Map) -> None:
    if state.distribution is not None:
        map_run.perform(run, frame, state, state.distribution)
        return
    frame.items = frame.memo = None
    effective, items = _entered(run, frame, state)
    limit = 0
    if state.max_concurrency is not None:
        found = state.max_concurrency.evaluate(run.scope(frame, state).on(effective))
        assert isinstance(found, int)
        limit = found
    run.event(frame, "MapStateStarted", {"length": len(items)})
    frame.doing = "children"
    frame.total = len(items)
    frame.started = frame.ended = 0
    frame.limit = min(limit, INLINE_LIMIT) if limit > 0 else INLINE_LIMIT
    if not items:
        run.note(frame.last_id, "MapStateSucceeded", {})
        complete(run, frame, state)
        return
    for _ in range(min(frame.limit, frame.total)):
        _start_iteration(run, frame, state, frame.last_id)


def _entered(run: Run, frame: Frame, state: Map) -> tuple[Json, list[Json]]:
    """The effective input and the items, evaluated once."""
    if frame.memo is None:
        scope = run.scope(frame, state)
        effective = state.flow.enter(scope)
        items = frame.items.value if frame.items is not None else state.items.evaluate(scope.on(effective))
        assert isinstance(items, list)  # the language answers with a list, or raises QueryError
        if state.items_vary and frame.items is None:
            frame.items = Datum.of_value(items)
        frame.memo = (effective, items)
    return frame.memo


def _start_iteration(run: Run, frame: Frame, state: Map, previous_id: int) -> None:
    index = frame.started
    item, input = _item(run, frame, state, index)
    frame.started += 1
    run.transitions += 1
    run.add_frame(
        Frame(
            path=frame.child_path(index),
            program=state.processor,
            state=state.processor.start_at,
            input=input,
            last_id=run.note(previous_id, "MapIterationStarted", {"index": index, "name": state.name}),
            index=index,
            item=item,
            variables=frame.variables,
        )
    )


def _item(run: Run, frame: Frame, state: Map, index: int) -> tuple[Datum, Datum]:
    """An item and the input of its iteration."""
    effective, items = _entered(run, frame, state)
    value = items[index]
    item = Datum.of_value(value)
    if state.item_selector is None:
        return item, item
    selected = state.item_selector.evaluate(run.scope(frame, state, (index, value)).on(effective))
    return item, item.with_value(selected)


def join(run: Run, frame: Frame, state: Map, child: Frame) -> None:
    """An iteration has come to its end: start the next, or gather all outputs."""
    frame.ended += 1
    succeeded_id = run.note(child.last_id, "MapIterationSucceeded", {"index": child.index, "name": state.name})
    child.item = None
    if frame.started < frame.total:
        _start_iteration(run, frame, state, child.last_id)
    elif frame.ended == frame.total:
        frame.last_id = succeeded_id
        run.note(frame.last_id, "MapStateSucceeded", {})
        complete(run, frame, state)


def resume(run: Run, frame: Frame, state: Map) -> None:
    """Go on after a redrive with the iterations that are there, and start others as far as the limit allows."""
    if frame.map_run:
        map_run.redrive(run, frame)
        return
    frame.doing = "children"
    while frame.started < frame.total and frame.started - frame.ended < frame.limit:
        _start_iteration(run, frame, state, frame.last_id)
    if frame.ended == frame.total:
        run.note(frame.last_id, "MapStateSucceeded", {})
        complete(run, frame, state)
