"""What the steps of a JSONPath select, compiled to functions from values to values.

Rules that must stay true here:
- A compiled step takes the values selected so far and gives the next ones, in document order; it never fails because a
  value has another shape than the step needs.
- Every value that is looked at is paid for out of the walk's allowance, so that no path runs away.
- `..` keeps its own stack: the depth of a document is no depth of calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from stepwell.language.jsonpath_filter import compile_condition
from stepwell.language.jsonpath_function import compile_function
from stepwell.language.jsonpath_steps import (
    Condition,
    Descend,
    Filter,
    Function,
    Index,
    Indexes,
    Name,
    Names,
    Query,
    Slice,
    Step,
    Wildcard,
    is_definite,
    may_repeat,
)
from stepwell.language.jsonpath_walk import MISSING, Answer, Found, Walk
from stepwell.language.values import Json

Select: TypeAlias = Callable[["list[Json]", Walk], "list[Json]"]


def compile_steps(steps: tuple[Step, ...]) -> Select:
    """One function for all the steps."""
    descends = any(isinstance(step, Descend) for step in steps)
    stages = tuple(_compile(step, last=step is steps[-1], joined=descends) for step in steps)

    def select(values: list[Json], walk: Walk) -> list[Json]:
        for stage in stages:
            values = stage(values, walk)
            walk.pay(len(values))
        return values

    return select


def _compile(step: Step, *, last: bool, joined: bool) -> Select:
    """`joined` says that a function is applied to all the values together, as one array."""
    match step:
        case Name(name):
            return _member(name)
        case Names(names):
            return _object_of(names) if last else _members(names)
        case Index(index):
            return _items((index,))
        case Indexes(indexes):
            return _items(indexes)
        case Slice(start, stop, stride):
            return _slice(slice(start, stop, stride))
        case Wildcard():
            return _children_of_all
        case Filter(condition):
            return _filter(condition)
        case Descend(inner):
            return _descend(_compile(inner, last=False, joined=joined))
        case Function():
            return _function(step, joined=joined)


def _member(name: str) -> Select:
    def select(values: list[Json], walk: Walk) -> list[Json]:
        return [value[name] for value in values if isinstance(value, dict) and name in value]

    return select


def _members(names: tuple[str, ...]) -> Select:
    def select(values: list[Json], walk: Walk) -> list[Json]:
        walk.pay(len(values) * len(names))
        return [value[name] for value in values if isinstance(value, dict) for name in names if name in value]

    return select


def _object_of(names: tuple[str, ...]) -> Select:
    """Jayway gives several names at the end of a path as one object with those members that are there."""

    def select(values: list[Json], walk: Walk) -> list[Json]:
        walk.pay(len(values) * len(names))
        return [{name: value[name] for name in names if name in value} for value in values if isinstance(value, dict)]

    return select


def _items(indexes: tuple[int, ...]) -> Select:
    def select(values: list[Json], walk: Walk) -> list[Json]:
        walk.pay(len(values) * len(indexes))
        return [
            value[index]
            for value in values
            if isinstance(value, list)
            for index in indexes
            if -len(value) <= index < len(value)
        ]

    return select


def _slice(part: slice) -> Select:
    def select(values: list[Json], walk: Walk) -> list[Json]:
        selected: list[Json] = []
        for value in values:
            if isinstance(value, list):
                items = value[part]
                walk.pay(len(items))
                selected += items
        return selected

    return select


def _children(value: Json) -> list[Json]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _children_of_all(values: list[Json], walk: Walk) -> list[Json]:
    selected: list[Json] = []
    for value in values:
        children = _children(value)
        walk.pay(len(children))
        selected += children
    return selected


def _filter(condition: Condition) -> Select:
    """A filter tests the items of an array; an object is tested itself, as Jayway does it."""
    holds = compile_condition(condition, compile_query)

    def select(values: list[Json], walk: Walk) -> list[Json]:
        selected: list[Json] = []
        for value in values:
            candidates = value if isinstance(value, list) else [value] if isinstance(value, dict) else []
            walk.pay(len(candidates))
            selected += [candidate for candidate in candidates if holds(candidate, walk)]
        return selected

    return select


def _descend(inner: Select) -> Select:
    """The inner step, applied to every array and object from the given values down, outer ones first."""

    def select(values: list[Json], walk: Walk) -> list[Json]:
        selected: list[Json] = []
        waiting = values[::-1]
        while waiting:
            value = waiting.pop()
            if isinstance(value, list | dict):
                selected += inner([value], walk)
                children = _children(value)
                walk.pay(len(children))
                waiting += children[::-1]
        return selected

    return select


def _function(step: Function, *, joined: bool) -> Select:
    apply = compile_function(step.name, step.arguments, compile_query)
    if joined:
        return lambda values, walk: [apply(values, walk)]
    return lambda values, walk: [apply(value, walk) for value in values]


def compile_query(query: Query) -> Answer:
    """A path inside a filter or an argument: one value or MISSING where it is definite, else a list."""
    select = compile_steps(query.steps)
    definite, repeats, from_root = is_definite(query.steps), may_repeat(query.steps), query.from_root

    def answer(current: Json, walk: Walk) -> Found:
        values = select([walk.root if from_root else current], walk)
        if not definite:
            return walk.hands_on(values) if repeats else values
        return values[0] if values else MISSING

    return answer
