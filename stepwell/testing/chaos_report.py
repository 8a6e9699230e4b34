"""What a crash matrix has shown, and how it is told.

Rules that must stay true here:
- What differs between two runs without a crash is not compared, and is named.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias

from stepwell.testing.mortal import Point

Path: TypeAlias = tuple[str | int, ...]

_SHOWN: Final = 600  # characters of an end
_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class End:
    """How an execution has ended. `output` is a JSON value, None where it has none."""

    status: str
    output: Any
    error: str | None
    cause: str | None

    def __str__(self) -> str:
        parts = [self.status]
        if self.status == "SUCCEEDED":
            parts.append(json.dumps(self.output, ensure_ascii=False))
        parts += [part for part in (self.error, self.cause) if part is not None]
        text = "  ".join(parts)
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …"


@dataclass(frozen=True, slots=True)
class Lived:
    """A run. `point` is where its server was killed; None where it was not, as the run had fewer commits. `writes` is
    the number of its commits, `runs` how often each attempt of a task was begun, by its key, `states` whose they are.
    """

    point: Point | None
    end: End
    writes: int
    runs: Mapping[str, int]
    states: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Repeated:
    """A Task whose attempts were carried out more than once, in so many of the runs, `most` times at most."""

    state: str
    runs: int
    most: int


@dataclass(frozen=True)
class Chaos:
    """`expected` and `again` are the ends of two runs without a crash, `commits` how many such a run has; `lived` are
    those with one."""

    expected: End
    again: End
    commits: int
    lived: Sequence[Lived]

    @property
    def points(self) -> int:
        """How many times the server was killed."""
        return sum(run.point is not None for run in self.lived)

    @property
    def same(self) -> bool:
        """Whether every run has ended as one without a crash does."""
        return not self.different

    @cached_property
    def own_ways(self) -> frozenset[Path]:
        """The places of an end that differ between two runs without a crash."""
        return frozenset(_differences(_tree(self.expected), _tree(self.again)))

    @cached_property
    def different(self) -> Sequence[Lived]:
        """The runs that have ended otherwise."""
        return [run for run in self.lived if not self._is_same(run.end)]

    @cached_property
    def repeated(self) -> Sequence[Repeated]:
        """The Tasks that have to bear being carried out twice, by name."""
        runs: Counter[str] = Counter()
        most: Counter[str] = Counter()
        for run in self.lived:
            twice = {key: count for key, count in run.runs.items() if count > 1}
            runs.update({run.states[key] for key in twice})
            for key, count in twice.items():
                most[run.states[key]] = max(most[run.states[key]], count)
        return [Repeated(state, runs[state], most[state]) for state in sorted(runs)]

    def assert_same(self) -> None:
        """Raises AssertionError, with the ends that differ."""
        assert self.same, str(self)

    def _is_same(self, end: End) -> bool:
        found = _differences(_tree(self.expected), _tree(end))
        return all(any(path[: len(own)] == own for own in self.own_ways) for path in found)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"without a crash  {self.expected}"
        yield f"crash points     {self.points}, before and after {self.commits} commits"
        yield f"the same end     {len(self.lived) - len(self.different)} of {len(self.lived)}"
        if self.own_ways:
            named = ", ".join(sorted("/".join(map(str, path)) for path in self.own_ways))
            yield f"not compared     {named}: it differs without a crash, too"
        for run in self.different:
            yield f"ANOTHER END      {run.point or 'no crash'}"
            yield f"  is             {run.end}"
            yield f"  was            {self.expected}"
        if self.repeated:
            yield ""
            yield "Carried out more than once, with the same idempotency key each time:"
            width = max(len(task.state) for task in self.repeated)
            for task in self.repeated:
                yield f"  {task.state:<{width}}  in {task.runs} of {len(self.lived)} runs, up to {task.most} times"


def _tree(end: End) -> Mapping[str, Any]:
    return {"status": end.status, "output": end.output, "error": end.error, "cause": end.cause}


def _differences(left: Any, right: Any, path: Path = ()) -> Iterator[Path]:
    """The places where two JSON values differ."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        for name in {**left, **right}:
            yield from _differences(left.get(name, _ABSENT), right.get(name, _ABSENT), (*path, name))
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for index, (one, other) in enumerate(zip(left, right, strict=True)):
            yield from _differences(one, other, (*path, index))
    elif left != right or type(left) is not type(right):
        yield path
