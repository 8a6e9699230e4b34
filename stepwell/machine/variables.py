"""The variables of a branch.

Rules that must stay true here:
- Variables are immutable: Assign makes new ones, and a branch or iteration begins with those of its parent.
- Each keeps its own text, so that one large variable is neither written nor stored again when another changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stepwell.language.values import Json
from stepwell.machine.datum import Datum


class Variables:
    """`data` maps names to values with their texts."""

    __slots__ = ("_size", "_values", "data")

    def __init__(self, data: Mapping[str, Datum]) -> None:
        self.data = data
        self._values: Mapping[str, Json] | None = None
        self._size = -1

    @classmethod
    def of_values(cls, values: Mapping[str, Json]) -> Variables:
        return cls({name: Datum.of_value(value) for name, value in values.items()})

    @property
    def values(self) -> Mapping[str, Json]:
        """What expressions see."""
        if self._values is None:
            self._values = {name: datum.value for name, datum in self.data.items()}
        return self._values

    @property
    def size(self) -> int:
        """The length of all values as JSON text, in characters."""
        if self._size < 0:
            self._size = sum(len(datum.text) for datum in self.data.values())
        return self._size

    def with_assigned(self, assigned: Mapping[str, Datum]) -> Variables:
        """These variables after an Assign."""
        return Variables({**self.data, **assigned})

    def __bool__(self) -> bool:
        return bool(self.data)


NO_VARIABLES: Final = Variables({})
