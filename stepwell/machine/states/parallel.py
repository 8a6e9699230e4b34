"""Parallel: one child frame a branch; the output is the list of theirs, in the order of the definition."""

from __future__ import annotations

from stepwell.language.model import Map, Parallel
from stepwell.machine.datum import Datum
from stepwell.machine.execution import Frame
from stepwell.machine.run import Run
from stepwell.machine.transition import exit_state


def perform(run: Run, frame: Frame, state: Parallel) -> None:
    scope = run.scope(frame, state)
    effective = state.flow.enter(scope)
    arguments = frame.input.with_value(state.flow.arguments(scope.on(effective)))
    run.event(frame, "ParallelStateStarted", {})
    frame.doing = "children"
    frame.total = frame.started = len(state.branches)
    frame.ended = 0
    for index, branch in enumerate(state.branches):
        run.add_frame(
            Frame(
                path=frame.child_path(index),
                program=branch,
                state=branch.start_at,
                input=arguments,
                last_id=frame.last_id,
                index=index,
                variables=frame.variables,
            )
        )


def join(run: Run, frame: Frame, state: Parallel, child: Frame) -> None:
    """A branch has come to its end: once all have, gather their outputs."""
    frame.ended += 1
    if frame.ended < frame.total:
        return
    frame.last_id = child.last_id
    run.note(frame.last_id, "ParallelStateSucceeded", {})
    complete(run, frame, state)


def resume(run: Run, frame: Frame, state: Parallel) -> None:
    """Go on after a redrive with the branches that are there."""
    frame.doing = "children"
    if frame.ended == frame.total:
        run.note(frame.last_id, "ParallelStateSucceeded", {})
        complete(run, frame, state)


def complete(run: Run, frame: Frame, state: Parallel | Map) -> None:
    """All children have ended: their outputs are the result."""
    found = outputs(run, frame)
    results = Datum.of_value([output.value for output in found])
    scope = run.scope(frame, state, result_size=sum(len(output.text) for output in found))
    effective = state.flow.enter(scope)
    exit = state.flow.leave(scope.input, results.value, scope.on(effective))
    run.remove_children(frame)  # what is too large runs anew on a redrive, branches and all
    exit_state(run, frame, state, exit, state.next, results)


def outputs(run: Run, frame: Frame) -> list[Datum]:
    """The outputs of a frame's children, in their order."""
    found: list[Datum] = []
    for index in range(frame.total):
        child = run.peek(frame.child_path(index))
        assert child is not None
        assert child.output is not None
        found.append(child.output)
    return found
