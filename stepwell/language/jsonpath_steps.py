"""The parts of a parsed JSONPath, as the grammar delivers them.

Rules that must stay true here:
- Plain immutable data: `jsonpath_syntax` makes it, `jsonpath_select` and `jsonpath_filter` compile it.
- No part leads back to what holds it, so that the collector need not look at any (`gc=False`).
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from stepwell.language.values import Json


class Name(Struct, frozen=True, gc=False):
    """`.name` or `['name']`."""

    name: str


class Names(Struct, frozen=True, gc=False):
    """`['a','b']`: as the last step an object with these members, else each of them in turn."""

    names: tuple[str, ...]


class Index(Struct, frozen=True, gc=False):
    """`[0]`, `[-1]`."""

    index: int


class Indexes(Struct, frozen=True, gc=False):
    """`[0,2]`."""

    indexes: tuple[int, ...]


class Slice(Struct, frozen=True, gc=False):
    """`[1:3]`, `[:2]`, `[-1:]`, `[::2]`."""

    start: int | None
    stop: int | None
    step: int | None


class Wildcard(Struct, frozen=True, gc=False):
    """`.*` or `[*]`."""


class Filter(Struct, frozen=True, gc=False):
    """`[?( … )]`."""

    condition: Condition


class Descend(Struct, frozen=True, gc=False):
    """`..` and what follows it."""

    step: Step


FUNCTIONS = frozenset(
    ("length", "size", "min", "max", "avg", "sum", "stddev", "concat", "append", "keys", "first", "last", "index")
)


class Function(Struct, frozen=True, gc=False):
    """`.length()`, always the last step. `name` is one of `FUNCTIONS`."""

    name: str
    arguments: tuple[Operand, ...]


Step: TypeAlias = "Name | Names | Index | Indexes | Slice | Wildcard | Filter | Descend | Function"


class Constant(Struct, frozen=True, gc=False):
    """A literal in a filter or a function's argument."""

    value: Json


class Pattern(Struct, frozen=True, gc=False):
    """`/ab+c/i`, the right side of `=~`."""

    pattern: str
    flags: str


class Query(Struct, frozen=True, gc=False):
    """A path in a filter; `from_root` tells `$` from `@`."""

    from_root: bool
    steps: tuple[Step, ...]


Operand: TypeAlias = "Constant | Pattern | Query"


class Comparison(Struct, frozen=True, gc=False):
    left: Operand
    operator: str
    right: Operand


class Exists(Struct, frozen=True, gc=False):
    """A path that stands alone."""

    query: Query


class Not(Struct, frozen=True, gc=False):
    condition: Condition


class AllOf(Struct, frozen=True, gc=False):
    conditions: tuple[Condition, ...]


class AnyOf(Struct, frozen=True, gc=False):
    conditions: tuple[Condition, ...]


Condition: TypeAlias = "Comparison | Exists | Not | AllOf | AnyOf"


def is_definite(steps: tuple[Step, ...]) -> bool:
    """Whether the steps can select one value at most: such a path gives that value, any other path a list."""
    if steps and isinstance(steps[-1], Function) and any(isinstance(step, Descend) for step in steps):
        return True  # the function is applied to all that `..` finds, taken together
    return all(
        isinstance(step, Name | Index | Function) or (isinstance(step, Names) and step is steps[-1]) for step in steps
    )


def may_repeat(steps: tuple[Step, ...]) -> bool:
    """Whether the steps can select a value more than once, or one that is a part of another."""
    return any(
        isinstance(step, Descend | Indexes) or (isinstance(step, Names) and len(set(step.names)) < len(step.names))
        for step in steps
    )
