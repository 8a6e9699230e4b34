"""What is known of a value without running anything: the members that it has, and what some of them are.

Rules that must stay true here:
- A shape that is not open has no other members than those it names: what it says can be relied on.
- Two shapes that meet have the members of both: whether a member is there is never denied wrongly.
- A shape of more than MOST members is ANYTHING: those of 10,000 states in a row would fill the memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from stepwell.language.values import Json


class Unknown:
    """A value of which nothing is known."""

    def __repr__(self) -> str:
        return "?"


UNKNOWN: Final = Unknown()
MOST: Final = 500


class Shape(Struct, frozen=True):
    """`members` are those known; `is_open` says that there may be others. `item_of` is the name of the Map whose item
    this is, handed on as it came; `selected_by` the one whose ItemSelector has made it."""

    members: Mapping[str, Json | Unknown] = field(default_factory=dict)
    is_open: bool = False
    item_of: str | None = None
    selected_by: str | None = None

    def having(self, name: str) -> Shape:
        """The same with another member."""
        if len(self.members) >= MOST:
            return ANYTHING
        return replace(self, members={**self.members, name: UNKNOWN})

    def met(self, other: Shape) -> Shape:
        """What holds where either may be."""
        if self is other:
            return self
        members: dict[str, Json | Unknown] = {
            name: value if name in both and self.members[name] == other.members[name] else UNKNOWN
            for both in [self.members.keys() & other.members.keys()]
            for name, value in {**self.members, **other.members}.items()
        }
        if len(members) > MOST:
            return ANYTHING
        return Shape(
            members,
            self.is_open or other.is_open,
            self.item_of if self.item_of == other.item_of else None,
            self.selected_by if self.selected_by == other.selected_by else None,
        )


ANYTHING: Final = Shape(is_open=True)


def shape_of(value: Json) -> Shape:
    """The shape of a value that is known."""
    return Shape(dict(value)) if isinstance(value, dict) and len(value) <= MOST else ANYTHING


def shape_of_items(items: Iterable[Json], map_name: str) -> Shape:
    """The shape that covers all items of a list."""
    found: Shape | None = None
    for item in items:
        shape = shape_of(item)
        found = shape if found is None else found.met(shape)
    return replace(found or ANYTHING, item_of=map_name)
