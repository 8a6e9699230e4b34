"""Replays a real execution on a definition: the history that AWS has of it becomes a test.

Rules that must stay true here:
- Nothing is called: tasks are answered as they were, and time begins when it began then.
- Paths are compared branch by branch: what is concurrent has no order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from stepwell.app import Stepwell
from stepwell.language.definition import compile_definition
from stepwell.testing.coverage import Coverage
from stepwell.testing.definition import Definition
from stepwell.testing.embedded import Run
from stepwell.testing.mocks import TestFault
from stepwell.testing.recorded import Recorded, Unrecorded
from stepwell.testing.result import Result
from stepwell.testing.trail import Event, Place, Trail, read_trail

History: TypeAlias = Mapping[str, Any] | Sequence[Event] | str | Path
"""What get-execution-history answers, its list of events, or the JSON text or the file of either."""


@dataclass(frozen=True)
class Replay:
    """A replay and what it was compared with. `differences` say where its path is another one, one each branch."""

    recorded: Trail
    result: Result
    differences: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether the execution would take the same path, and end the same way."""
        return not self.differences

    def assert_same(self) -> None:
        """The execution takes the path that it took."""
        if not self.same:
            raise AssertionError(str(self))

    def __str__(self) -> str:
        if self.same:
            return f"The path is the same: {' → '.join(self.result.path)}"
        lines = ["The path is another one.", *(f"- {difference}" for difference in self.differences)]
        lines.append(f"recorded  {self.recorded.status or 'RUNNING'}: {' → '.join(self.recorded.path)}")
        lines.append(f"replayed  {self.result.status}: {' → '.join(self.result.path)}")
        return "\n".join(lines)


def replay(
    history: History,
    definition: Definition,
    *,
    app: Stepwell | str | None = None,
    name: str | None = None,
    substitutions: Mapping[str, str] | None = None,
    folder: Path | None = None,
    coverage: Coverage | None = None,
) -> Replay:
    """Run an execution again as it was recorded, on a definition that may have changed.

    For the arguments see `run`. Raises TestFault where the history is not whole or holds no data.
    """
    folder = folder or Path.cwd()
    recorded = read_trail(_events(history, folder))
    if recorded.input is None:
        raise TestFault("The history holds no inputs and outputs: get it with --include-execution-data.")
    run = Run(
        definition=definition,
        input=recorded.input,
        app=app,
        name=name,
        substitutions=substitutions or {},
        start=round(recorded.started * 1000),
        folder=folder,
        coverage=coverage,
    )
    embedded = run.embedded(lambda text: Recorded(recorded, compile_definition(text)))
    unrecorded: Unrecorded | None = None
    try:
        result = embedded()
    except Unrecorded as fault:
        assert embedded.result is not None
        result, unrecorded = embedded.result, fault
    return Replay(recorded, result, tuple(_differences(recorded, result, unrecorded)))


def _events(history: History, folder: Path) -> list[Event]:
    """The events in order. Raises TestFault."""
    if isinstance(history, Path) or (isinstance(history, str) and not history.lstrip().startswith(("{", "["))):
        path = folder / history if (folder / history).exists() else Path(history)
        try:
            history = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as fault:
            raise TestFault(f"There is no history at {path}: {fault}.") from fault
    if isinstance(history, str):
        try:
            history = json.loads(history)
        except ValueError as fault:
            raise TestFault(f"The history is no JSON: {fault}.") from fault
    if isinstance(history, Mapping) and history.get("nextToken"):
        raise TestFault("The history goes on behind a nextToken: get all of its pages.")
    found = history.get("events") if isinstance(history, Mapping) else history
    if not isinstance(found, Sequence) or not found or not all(map(_is_event, found)):
        raise TestFault(
            "There are no events in the history: it is what `aws stepfunctions get-execution-history` says."
        )
    events: list[Event] = sorted(
        (event for event in found if isinstance(event, Mapping)), key=lambda event: event["id"]
    )
    if events[0]["id"] != 1:
        raise TestFault(f"The history begins with the event {events[0]['id']}: get it from the first event on.")
    if any(event["type"] == "MapRunStarted" for event in events):
        raise TestFault(
            "A distributed Map runs its items as executions of their own, with histories of their own: this history"
            " does not tell what they did, and cannot be replayed."
        )
    return events


def _is_event(value: object) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("id"), int) and isinstance(value.get("type"), str)


def _differences(recorded: Trail, result: Result, unrecorded: Unrecorded | None) -> Iterator[str]:
    cut = unrecorded is not None and unrecorded.open  # the record itself ends with this call open
    then, now = recorded.by_place(), result.trail.by_place()
    found = False
    for place in dict.fromkeys((*then, *now)):
        difference = _difference(place, then.get(place, []), now.get(place, []), cut or unrecorded is not None)
        if difference is not None:
            found = True
            yield difference
    if unrecorded is not None and not cut and not found:
        yield str(unrecorded)
    elif unrecorded is None and not found and recorded.status not in (None, result.status):
        reason = f" with {result.error}: {result.cause}" if result.error else ""
        yield f"The execution ended {recorded.status} then, and ends {result.status}{reason} now."


def _difference(place: Place, then: Sequence[str], now: Sequence[str], cut: bool) -> str | None:
    """Where two paths part; None where they do not. `cut` says that the second was ended early."""
    same = 0
    while same < min(len(then), len(now)) and then[same] == now[same]:
        same += 1
    if same == len(then) == len(now) or (cut and same == len(now)):
        return None
    where = f"in {' / '.join(place)}, " if place else ""
    after = f"after {then[same - 1]} (state {same} of the path)" if same else "at the start"
    went = f"went to {then[same]}" if same < len(then) else "ended"
    goes = f"goes to {now[same]}" if same < len(now) else "ends"
    return f"{where}{after}: it {went} then, and {goes} now"
