"""What there is to know of one kind of job: how it is looked at, what its states mean, how it is stopped.

Rules that must stay true here:
- A description is data and short functions; it calls nothing.
- Names are those of the optimised integrations: the members of the API with a capital first.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Literal, TypeAlias

from msgspec import Struct

from stepwell.language.values import Json

State: TypeAlias = Literal["running", "succeeded", "failed"]


class NotThere(Exception):
    """The service's answer does not tell of the job (yet)."""


class Known(Struct, frozen=True):
    """A job that was submitted: the task's parameters, and the answer of the service."""

    given: Json
    answer: Json


Asks: TypeAlias = Callable[[Known], dict[str, Json]]
"""The arguments of a call about a job. Raises NotThere."""


class Job(Struct, frozen=True, kw_only=True):
    """`look` is the action that describes the job, and `asks` its arguments. `found` is the part of its answer that is
    the task's result, `state` what that says. `stop` is the action, with its arguments, that ends a job which nobody
    wants; None where AWS leaves it running. An error whose code is among `gone` means that the job is done: what was
    to be deleted is no longer there.
    """

    look: str
    asks: Asks
    found: Callable[[dict[str, Json], Known], Json]
    state: Callable[[Json], State]
    stop: tuple[str, Asks] | None = None
    gone: Collection[str] = ()


def at(value: Json, *way: str | int) -> Json:
    """What stands at the end of a way through objects and arrays. Raises NotThere."""
    for step in way:
        try:
            value = value[step]  # type: ignore[index]  # told below
        except (KeyError, IndexError, TypeError) as error:
            raise NotThere(f"there is no {'.'.join(map(str, way))}") from error
    return value


def part(*way: str | int) -> Callable[[dict[str, Json], Known], Json]:
    """The part of an answer that is the result."""
    return lambda answer, _: at(answer, *way)


def whole(answer: dict[str, Json], _: Known) -> Json:
    """The whole answer is the result."""
    return answer


def states(*way: str | int, good: Collection[str], bad: Collection[str]) -> Callable[[Json], State]:
    """What the text at the end of the way means: one of the `good`, of the `bad`, or that the job is running."""

    def state(found: Json) -> State:
        text = at(found, *way)
        return "succeeded" if text in good else "failed" if text in bad else "running"

    return state
