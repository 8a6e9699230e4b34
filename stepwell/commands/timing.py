"""When a state goes on, told from its definition: the end of a Wait, the next attempt of a Task.

Rules that must stay true here:
- What cannot be told (a definition that does not compile, a path into a context that a client cannot see) is None:
  showing progress never fails.
- The server is right, and this is a forecast: the full jitter of a retrier is not known outside of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stepwell.language.definition import compile_definition
from stepwell.language.diagnostics import InvalidDefinition
from stepwell.language.errors import QueryError
from stepwell.language.model import Map, Parallel, Program, Retrier, State, Task, Wait
from stepwell.language.scope import Scope
from stepwell.language.values import Json, loads
from stepwell.machine.failure import Failure


class _NoRandomness:
    """Wait states read paths only: none of these is ever asked."""

    def uuid4(self) -> str:
        raise QueryError("no random values are at hand")

    def uniform(self) -> float:
        raise QueryError("no random values are at hand")


class Timing:
    """The timing of one execution. `context` is as much of the context object as is known."""

    def __init__(self, definition: str, context: Mapping[str, Json]) -> None:
        try:
            self._states = dict(_states(compile_definition(definition)))
        except InvalidDefinition:
            self._states = {}
        self._context = dict(context)

    def wait_until(self, state: str, input: str, entered: int) -> int | None:
        """When a Wait state that was entered at `entered` ends, in milliseconds since 1970."""
        wait = self._states.get(state)
        if not isinstance(wait, Wait):
            return None
        try:
            scope = Scope(loads(input), self._build_context, _NoRandomness(), {})
            return wait.duration.until(scope.on(wait.flow.enter(scope)), entered)
        except (QueryError, ValueError):
            return None

    def retries(self, state: str) -> Retries | None:
        """Counts the retries of a state that has been entered; None where the state has none."""
        found = self._states.get(state)
        retry = found.retry if isinstance(found, (Task, Map, Parallel)) else ()
        return Retries(retry) if retry else None

    def _build_context(self) -> Json:
        return self._context


class Retries:
    """The retriers of one state between its entering and its leaving."""

    def __init__(self, retriers: tuple[Retrier, ...]) -> None:
        self._used = [(retrier, 0) for retrier in retriers]

    def delay(self, error: str | None) -> float | None:
        """Seconds until the next attempt after a failure, at most; None where there is none."""
        failure = Failure(error, None)
        for index, (retrier, used) in enumerate(self._used):
            if failure.matches(retrier.error_equals):
                if used >= retrier.max_attempts:
                    return None
                self._used[index] = (retrier, used + 1)
                delay = retrier.interval_seconds * retrier.backoff_rate**used
                return min(delay, retrier.max_delay_seconds or delay)
        return None


def _states(program: Program) -> Iterator[tuple[str, State]]:
    for name, state in program.states.items():
        yield name, state
        if isinstance(state, Parallel):
            for branch in state.branches:
                yield from _states(branch)
        elif isinstance(state, Map):
            yield from _states(state.processor)


def execution_context(arn: str, name: str, input: str) -> dict[str, Json]:
    """What a client knows of the context object."""
    return {"Execution": {"Id": arn, "Name": name, "Input": loads(input)}}
