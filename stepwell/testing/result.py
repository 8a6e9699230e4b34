"""What came of a run, and what a test may say of it.

Rules that must stay true here:
- An assertion that fails tells what the execution did: status, error, path, and the difference.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stepwell.store.protocol import ExecutionChange
from stepwell.testing.mocks import Call
from stepwell.testing.trail import Event, Trail, read_trail, seconds_of

_SHOWN = 400  # characters of a value in a message


@dataclass(frozen=True, eq=False)
class Result:
    """An execution that has ended.

    `output` is a JSON value, None where it has none; `events` are as GetExecutionHistory answers them; `calls` are the
    calls of mocked tasks in order. `duration` is in seconds by the execution's clock.
    """

    status: str
    output: Any
    error: str | None
    cause: str | None
    events: Sequence[Event]
    calls: Sequence[Call]
    duration: float
    trail: Trail

    @classmethod
    def of(cls, change: ExecutionChange, events: Sequence[Event], calls: Sequence[Call]) -> Result:
        """From what the store holds of it."""
        return cls(
            status=change.status,
            output=None if change.output is None else json.loads(change.output),
            error=change.error,
            cause=change.cause,
            events=events,
            calls=calls,
            duration=round(seconds_of(events[-1]) - seconds_of(events[0]), 3) if events else 0.0,
            trail=read_trail(events),
        )

    @property
    def path(self) -> list[str]:
        """The names of the states visited, in order, those inside of Map and Parallel among them."""
        return self.trail.path

    def visits(self, state: str) -> int:
        """How many times a state was entered."""
        return self.path.count(state)

    def attempts(self, state: str) -> int:
        """How many attempts a state made in all its visits: one more than retries, for one visit."""
        return sum(len(visit.attempts) for visit in self.trail.visits if visit.name == state)

    def inputs(self, state: str) -> list[Any]:
        """What a state was entered with, visit by visit."""
        return [
            None if visit.input is None else json.loads(visit.input)
            for visit in self.trail.visits
            if visit.name == state
        ]

    def called_with(self, state: str) -> list[Any]:
        """What a mocked task was given, call by call."""
        return [call.input for call in self.calls if call.state == state]

    # -- assertions that say more than `assert`

    def assert_succeeded(self, output: Any = ...) -> None:
        """The execution SUCCEEDED, with this output where one is named."""
        if self.status != "SUCCEEDED":
            raise AssertionError(f"The execution was to succeed.\n{self}")
        if output is not ...:
            self.assert_output(output)

    def assert_failed(self, error: str | None = None, cause: str | None = None) -> None:
        """The execution did not succeed, with this error and a cause that contains this text, where they are named."""
        if self.status == "SUCCEEDED":
            raise AssertionError(f"The execution was to fail{f' with {error}' if error else ''}.\n{self}")
        if error is not None and self.error != error:
            raise AssertionError(f"The execution was to fail with {error}, and failed with {self.error}.\n{self}")
        if cause is not None and cause not in (self.cause or ""):
            raise AssertionError(f"The cause was to contain {cause!r}.\n{self}")

    def assert_output(self, output: Any) -> None:
        """The output is this value."""
        if self.output != output or self.status != "SUCCEEDED":
            difference = _difference(_lines(output), _lines(self.output))
            raise AssertionError(f"The output is another one (- expected, + was).\n{difference}\n{self}")

    def assert_path(self, path: Sequence[str]) -> None:
        """The execution visited exactly these states, in this order."""
        if self.path != list(path):
            difference = _difference(list(path), self.path)
            raise AssertionError(f"The path is another one (- expected, + was).\n{difference}\n{self}")

    def __repr__(self) -> str:
        reason = f" {self.error}: {_short(self.cause)}" if self.error or self.cause else ""
        return f"<{self.status}{reason}, path {' → '.join(self.path) or 'none'}>"

    def __str__(self) -> str:
        lines = [f"status  {self.status}"]
        if self.error or self.cause:
            lines.append(f"error   {self.error}: {_short(self.cause)}")
        if self.output is not None:
            lines.append(f"output  {_short(json.dumps(self.output, ensure_ascii=False))}")
        lines.append(f"path    {' → '.join(self.path) or 'none'}")
        lines.extend(
            f"call    {call.state}({_short(json.dumps(call.input, ensure_ascii=False))})" for call in self.calls
        )
        return "\n".join(lines)


def _lines(value: Any) -> list[str]:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True).splitlines()


def _difference(expected: Sequence[str], found: Sequence[str]) -> str:
    return "\n".join(line.rstrip("\n") for line in difflib.ndiff(expected, found) if not line.startswith("?"))


def _short(text: str | None) -> str:
    text = " ".join((text or "").split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
