"""What a map run is to do, as the state has ordered it, and the inputs of its children.

Rules that must stay true here:
- The order is data of the run, written once. What it does not hold (ItemSelector) is found again in the program.
- ItemSelector sees what the state sees: its input, its variables, the context object with the item.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import cast

from msgspec import Struct

from stepwell.language.model import Distribution, Map, Parallel, Program
from stepwell.language.scope import Scope
from stepwell.language.values import Json, dumps, loads
from stepwell.machine.entropy import Entropy

MOST_ITEMS = 20_000  # of a batch that nothing else closes
_MOST_BYTES = 262_144


class Batcher(Struct, frozen=True):
    """What bounds a batch, and how the text of its input begins: all up to its first item."""

    most_items: int
    most_bytes: int
    head: str


class Order:
    def __init__(self, text: str, program: Program, opaque: str | None = None) -> None:
        """`opaque` is the brand of the texts that expressions must not look into."""
        members = cast("dict[str, Json]", loads(text))
        self.state = _find(program, cast("Sequence[str | int]", members["place"]))
        assert self.state.distribution is not None
        self.distribution: Distribution = self.state.distribution
        self._input = loads(cast(str, members["input"]))
        self._size = len(text)
        self.opaque = opaque
        self._context = cast("dict[str, Json]", members["context"])
        self._variables = cast("dict[str, Json]", members["variables"])
        self.about = cast(str, members["about"])
        self.reader = cast("dict[str, Json] | None", members["reader"])
        self.writer = cast("dict[str, Json] | None", members["writer"])
        self.batcher = _batcher(cast("dict[str, Json] | None", members["batcher"]))

    @property
    def max_items(self) -> int:
        """How many items are read at most; 0 for all."""
        return cast(int, self.reader["max_items"] or 0) if self.reader is not None else 0

    def given_items(self, now: int) -> Sequence[Json]:
        """The items that the state's own input holds. Raises QueryError."""
        scope = self._scope(None, now)
        return cast("list[Json]", self.state.items.evaluate(scope.on(self.state.flow.enter(scope))))

    @property
    def selects(self) -> bool:
        """Whether each item is evaluated, which may take long."""
        return self.state.item_selector is not None

    def selected(self, index: int, value: Json, now: int) -> Json:
        """An item after ItemSelector. Raises QueryError."""
        selector = self.state.item_selector
        if selector is None:
            return value
        scope = self._scope((index, value), now)
        return selector.evaluate(scope.on(self.state.flow.enter(scope)))

    def _scope(self, item: tuple[int, Json] | None, now: int) -> Scope:
        def context() -> Json:
            if item is None:
                return self._context
            return {**self._context, "Map": {"Item": {"Index": item[0], "Value": item[1]}}}

        return Scope(
            self._input,
            context,
            Entropy(os.urandom(32)),
            self._variables,
            now=now,
            size=self._size,
            opaque=self.opaque,
        )


def _batcher(members: dict[str, Json] | None) -> Batcher | None:
    if members is None:
        return None
    shared = {"BatchInput": members["input"]} if members["has_input"] else {}
    return Batcher(
        min(cast(int, members["max_items"] or 0) or MOST_ITEMS, MOST_ITEMS),
        min(cast(int, members["max_bytes"] or 0) or _MOST_BYTES, _MOST_BYTES),
        dumps({**shared, "Items": []}).removesuffix("]}"),
    )


def _find(program: Program, place: Sequence[str | int]) -> Map:
    """The state at a place."""
    state = program.states[cast(str, place[0])]
    rest = place[1:]
    while rest:
        if isinstance(state, Parallel):
            program, rest = state.branches[cast(int, rest[0])], rest[1:]
        else:
            assert isinstance(state, Map)
            program = state.processor
        state, rest = program.states[cast(str, rest[0])], rest[1:]
    assert isinstance(state, Map)
    return state
