"""Chance for definitions, and what each of their parts has to know of the place where it stands."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, TypeAlias, TypeVar

from tests.simulation.values import LONG

T = TypeVar("T")
State: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where a state stands. `jsonata`: its query language is that; `whole`: that of the machine is. `rich`: the
    execution's input has the members of `INPUT`. `beside`: others run side by side. `express`: the workflow is one.
    `distributed`: a Map may be."""

    jsonata: bool = False
    whole: bool = False
    depth: int = 2
    rich: bool = True
    beside: bool = False
    express: bool = False
    distributed: bool = True


class Draw:
    """Chance for one definition. `steady`: see `definitions`."""

    def __init__(self, chance: Random, *, steady: bool) -> None:
        self._chance = chance
        self.steady = steady
        self._numbers = itertools.count()

    def number(self) -> int:
        """One that was not drawn before."""
        return next(self._numbers)

    def may(self, share: float) -> bool:
        return self._chance.random() < share

    def one(self, *values: Any) -> Any:
        return self._chance.choice(values)

    def pick(self, values: Sequence[T]) -> T:
        return self._chance.choice(values)

    def count(self, least: int, most: int) -> int:
        return self._chance.randint(least, most)

    def limit(self, seconds: int) -> int:
        """A time-out that is not to be met."""
        return LONG * 10 if self.steady else self.one(seconds, LONG)
