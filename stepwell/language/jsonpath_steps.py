"""The parts of a parsed JSONPath, as the grammar delivers them.

Rules that must stay true here:
- Plain immutable data: `jsonpath_syntax` makes it, `jsonpath_select` and `jsonpath_filter` compile it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from stepwell.language.values import Json


@dataclass(frozen=True, slots=True)
class Name:
    """`.name` or `['name']`."""

    name: str


@dataclass(frozen=True, slots=True)
class Names:
    """`['a','b']`: as the last step an object with these members, else each of them in turn."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """`[0]`, `[-1]`."""

    index: int


@dataclass(frozen=True, slots=True)
class Indexes:
    """`[0,2]`."""

    indexes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Slice:
    """`[1:3]`, `[:2]`, `[-1:]`, `[::2]`."""

    start: int | None
    stop: int | None
    step: int | None


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`.*` or `[*]`."""


@dataclass(frozen=True, slots=True)
class Filter:
    """`[?( … )]`."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Descend:
    """`..` and what follows it."""

    step: Step


@dataclass(frozen=True, slots=True)
class Function:
    """`.length()`, always the last step."""

    name: str
    arguments: tuple[Operand, ...]


Step: TypeAlias = "Name | Names | Index | Indexes | Slice | Wildcard | Filter | Descend | Function"


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal in a filter or a function's argument."""

    value: Json


@dataclass(frozen=True, slots=True)
class Pattern:
    """`/ab+c/i`, the right side of `=~`."""

    pattern: str
    flags: str


@dataclass(frozen=True, slots=True)
class Query:
    """A path in a filter; `from_root` tells `$` from `@`."""

    from_root: bool
    steps: tuple[Step, ...]


Operand: TypeAlias = "Constant | Pattern | Query"


@dataclass(frozen=True, slots=True)
class Comparison:
    left: Operand
    operator: str
    right: Operand


@dataclass(frozen=True, slots=True)
class Exists:
    """A path that stands alone."""

    query: Query


@dataclass(frozen=True, slots=True)
class Not:
    condition: Condition


@dataclass(frozen=True, slots=True)
class AllOf:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    conditions: tuple[Condition, ...]


Condition: TypeAlias = "Comparison | Exists | Not | AllOf | AnyOf"


def is_definite(steps: tuple[Step, ...]) -> bool:
    """Whether the steps can select one value at most: such a path gives that value, any other path a list."""
    if steps and isinstance(steps[-1], Function) and any(isinstance(step, Descend) for step in steps):
        return True  # the function is applied to all that `..` finds, taken together
    return all(
        isinstance(step, Name | Index | Function) or (isinstance(step, Names) and step is steps[-1]) for step in steps
    )
