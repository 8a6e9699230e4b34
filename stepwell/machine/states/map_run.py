"""A distributed Map: orders a map run, and takes its end.

Rules that must stay true here:
- All that an expression of the state can say once is evaluated here, in the state's own scope; what it says of each
  item is evaluated by the map run, from the order.
- What the run is to do goes by its members: `place` (the state, from the root of the program: names, and indices of
  branches), `input` (the state's raw input), `context`, `variables`, `about` (how a cause begins), `label`,
  `length` (how many items it has itself), `max_concurrency`, `tolerated_count`,
  `tolerated_percentage`, `reader`, `batcher` and `writer` (None where the definition has none).
- A redrive takes up the map run that failed or was aborted. Another one begins where it had succeeded, and where its
  results were too large (AWS documentation, "Redriving Map Runs").
- `MapRunSucceeded` is a note, and the exit hangs from `MapRunStarted`; `MapRunFailed` is not (recorded).
"""

from __future__ import annotations

from hashlib import md5
from uuid import UUID

from stepwell.language.errors import QueryError
from stepwell.language.model import Distribution, Expression, ItemBatcher, ItemReader, Map, Parallel, ResultWriter
from stepwell.language.scope import Scope
from stepwell.language.values import Json
from stepwell.machine.datum import Datum
from stepwell.machine.execution import Frame, parent_path
from stepwell.machine.failure import Failure, of_query
from stepwell.machine.run import Run
from stepwell.machine.states.task import token_of
from stepwell.machine.transition import exit_state, fail_state
from stepwell.machine.turn import MapRunRedrive, MapRunStart


def perform(run: Run, frame: Frame, state: Map, distribution: Distribution) -> None:
    scope = run.scope(frame, state)
    inner = scope.on(state.flow.enter(scope))
    length = 0  # recorded: also where a reader has items
    if distribution.reader is None:
        items = state.items.evaluate(inner)
        assert isinstance(items, list)  # the language answers with a list, or raises QueryError
        length = len(items)
    run.event(frame, "MapStateStarted", {"length": length})
    label = distribution.label or _label(run, state)
    order: dict[str, Json] = {
        "place": _place(run, frame),
        "input": frame.input.text,
        "context": run.context(frame, state),
        "variables": dict(frame.variables.values),
        "about": of_query(QueryError(""), state.name, frame.entered_id).cause,
        "label": label,
        "length": length,
        "max_concurrency": _value(state.max_concurrency, inner) or 0,
        "tolerated_count": _value(state.tolerated_count, inner),
        "tolerated_percentage": _value(state.tolerated_percentage, inner),
        "reader": _reader(distribution.reader, inner),
        "batcher": _batcher(distribution.batcher, inner),
        "writer": _writer(distribution.writer, inner),
    }
    arn = _arn(run, label)
    _await(run, frame, arn)
    frame.redrives = 0
    frame.scheduled_id = run.event(frame, "MapRunStarted", {"mapRunArn": arn})
    run.add_map_run(MapRunStart(arn, frame.path, frame.token, order))


def redrive(run: Run, frame: Frame) -> None:
    """Let the map run go on that the state has begun before the execution ended."""
    arn = frame.map_run
    _await(run, frame, arn)
    frame.redrives += 1
    frame.scheduled_id = run.event(frame, "MapRunRedriven", {"mapRunArn": arn, "redriveCount": frame.redrives})
    run.redrive_map_run(MapRunRedrive(frame.scheduled_id, arn, frame.token))


def _await(run: Run, frame: Frame, arn: str) -> None:
    frame.token = token_of(run.execution.key, frame.path, run.entropy.bytes(18))
    frame.doing = "mapRun"
    frame.child = frame.map_run = arn


def succeeded(run: Run, frame: Frame, state: Map, output: str) -> None:
    """The map run has succeeded; `output` is the state's result."""
    _close(frame)
    frame.map_run = ""
    run.note(run.note(frame.last_id, "MapRunSucceeded", {}), "MapStateSucceeded", {})
    results = Datum.of_text(output)
    scope = run.scope(frame, state, result_size=len(output))
    effective = state.flow.enter(scope)
    left = state.flow.leave(scope.input, results.value, scope.on(effective))
    exit_state(run, frame, state, left, state.next, results)


def failed(run: Run, frame: Frame, state: Map, error: str, cause: str) -> None:
    """The map run has failed."""
    _close(frame)
    run.event(frame, "MapRunFailed", {"error": error, "cause": cause})
    fail_state(run, frame, state, Failure(error, cause), of_branch=True)
    if frame.doing != "failed" or error == "States.DataLimitExceeded":
        frame.map_run = ""


def _close(frame: Frame) -> None:
    frame.token = frame.child = ""
    frame.doing = "ready"


def _label(run: Run, state: Map) -> str:
    """The label of a state that has none: always the same for the same state."""
    name = f"{run.execution.machine_arn}/{state.name}".encode()
    return str(UUID(bytes=md5(name, usedforsecurity=False).digest(), version=3))


def _arn(run: Run, label: str) -> str:
    machine = run.execution.machine_arn.replace(":stateMachine:", ":mapRun:", 1).partition("/")[0]
    return f"{machine}/{label}:{run.entropy.uuid4()}"


def _place(run: Run, frame: Frame) -> Json:
    """The way to the state: the name of each state, and the index of the branch that it is left by."""
    place: list[Json] = [frame.state]
    path = frame.path
    while path:
        above = run.peek(parent_path(path))
        assert above is not None
        if isinstance(above.program.states[above.state], Parallel):
            place.insert(0, int(path.rsplit(".", 1)[1][:-1]))
        place.insert(0, above.state)
        path = above.path
    return place


def _value(expression: Expression | None, scope: Scope) -> Json:
    return None if expression is None else expression.evaluate(scope)


def _reader(reader: ItemReader | None, scope: Scope) -> Json:
    if reader is None:
        return None
    return {
        "action": reader.action,
        "max_items": _value(reader.max_items, scope),
        "config": dict(reader.config),
        "arguments": _value(reader.arguments, scope),
    }


def _batcher(batcher: ItemBatcher | None, scope: Scope) -> Json:
    if batcher is None:
        return None
    return {
        "max_items": _value(batcher.max_items, scope),
        "max_bytes": _value(batcher.max_bytes, scope),
        "input": _value(batcher.input, scope),
        "has_input": batcher.input is not None,
    }


def _writer(writer: ResultWriter | None, scope: Scope) -> Json:
    if writer is None:
        return None
    return {
        "exports": writer.exports,
        "arguments": _value(writer.arguments, scope),
        "transformation": writer.transformation,
        "output_type": writer.output_type,
    }
