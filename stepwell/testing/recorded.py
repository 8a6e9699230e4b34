"""The tasks of a recorded execution: each call is answered as it was then.

Rules that must stay true here:
- A call is known by its state and by the iterations of Maps that it is inside of: what is concurrent may come in
  another order.
- A call that the record has no end of ends the run: nothing is made up.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from stepwell.engine.dispatch import Failed, Outcome, SubmitFailed, Submitted, Succeeded, Task, TimedOut
from stepwell.engine.tokens import open_token
from stepwell.language.model import Map, Parallel, Program
from stepwell.testing.mocks import TestFault
from stepwell.testing.trail import Attempt, Place, Trail

_INDEX = re.compile(r"\[(\d+)\]$")
_FRAME = re.compile(r"\.(\d+)/")

Key: TypeAlias = tuple[str, tuple[int, ...]]
"""A state, and the indexes of the iterations that it is inside of, from the outermost in."""


class Unrecorded(TestFault):
    """A call that the record has no end of. `open` says that it was open when the record ends."""

    def __init__(self, key: Key, task: Task, *, known: bool, open: bool) -> None:
        self.state, self.iterations = key
        self.open = open
        where = "".join(f" in iteration {index}" for index in self.iterations)
        which = "no further call of it" if known else "no call of it"
        super().__init__(f"{self.state} is called{where}, and the record has {which}. It was given: {task.input}")


class Recorded:
    """The script of a trail; `program` is what is run."""

    def __init__(self, trail: Trail, program: Program) -> None:
        self._inside = dict(_inside(program, ()))
        self._ended: dict[Key, deque[Attempt]] = {}
        self._open: set[Key] = set()
        for visit in trail.visits:
            if visit.kind != "Task":
                continue
            key = (visit.name, _iterations(visit.place))
            ended = [attempt for attempt in visit.attempts if attempt.ending is not None]
            self._ended.setdefault(key, deque()).extend(ended)
            if len(ended) < len(visit.attempts) or not (visit.left or visit.attempts):
                self._open.add(key)

    def __call__(self, task: Task) -> Sequence[Outcome]:
        """Raises Unrecorded."""
        _, path = open_token(task.token)
        indexes = [int(found[1]) for found in _FRAME.finditer(path)]
        of_maps = self._inside.get(task.state_name, ())
        key = (task.state_name, tuple(index for index, of_map in zip(indexes, of_maps, strict=False) if of_map))
        ended = self._ended.get(key)
        if not ended:
            raise Unrecorded(key, task, known=ended is not None, open=key in self._open)
        return list(_outcomes(task, ended.popleft()))


def _outcomes(task: Task, attempt: Attempt) -> Iterator[Outcome]:
    if attempt.submit_failed and task.resource.pattern:
        yield SubmitFailed(attempt.error, attempt.cause)
        return
    if task.resource.pattern:
        yield Submitted(attempt.submitted or "{}")
    if attempt.ending == "succeeded":
        yield Succeeded(attempt.output or "null")
    elif attempt.ending == "timed out":
        yield TimedOut(attempt.error or "States.Timeout", attempt.cause)
    else:
        yield Failed(attempt.error, attempt.cause)


def _iterations(place: Place) -> tuple[int, ...]:
    return tuple(int(found[1]) for part in place if (found := _INDEX.search(part)))


def _inside(program: Program, around: tuple[bool, ...]) -> Iterator[tuple[str, tuple[bool, ...]]]:
    """For each state: what it is inside of, from the outermost in; True is a Map, False a Parallel."""
    for name, state in program.states.items():
        yield name, around
        if isinstance(state, Parallel):
            for branch in state.branches:
                yield from _inside(branch, (*around, False))
        elif isinstance(state, Map):
            yield from _inside(state.processor, (*around, True))
