"""The functions that may end a JSONPath: `$.items.length()`, `$..price.sum()`.

Rules that must stay true here:
- Names and results are those of the Jayway library: sums and the like are floating-point numbers; a function that does
  not fit its value gives null.
- Arguments are literals and paths.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from stepwell.language.errors import QueryError
from stepwell.language.java_text import java_text
from stepwell.language.jsonpath_filter import compile_operand
from stepwell.language.jsonpath_steps import Operand
from stepwell.language.jsonpath_walk import MISSING, CompileQuery, Walk
from stepwell.language.values import Json

Apply: TypeAlias = Callable[[Json, Walk], Json]
_Body: TypeAlias = Callable[[Json, "list[Json]"], Json]

_LONGEST = 1 << 20  # characters that `concat` makes: four times what a state may put out


def compile_function(name: str, arguments: tuple[Operand, ...], compile_query: CompileQuery) -> Apply:
    """The function with its arguments, ready for a value. `name` is one of `jsonpath_steps.FUNCTIONS`."""
    body = _BODIES[name]
    answers = tuple(compile_operand(argument, compile_query) for argument in arguments)

    def apply(value: Json, walk: Walk) -> Json:
        found: list[Json] = []
        for answer in answers:
            item = answer(value, walk)
            if item is not MISSING:
                found.append(item)
                walk.pay(len(item) if isinstance(item, list) else 1)
        result = body(value, found)
        return walk.hands_on(result) if isinstance(result, list) else result

    return apply


def _numbers(value: Json, arguments: list[Json]) -> list[float]:
    """The numbers of an array and of the arguments, which may be arrays of numbers themselves."""
    items = list(value) if isinstance(value, list) else []
    for argument in arguments:
        items += argument if isinstance(argument, list) else [argument]
    try:
        numbers = [float(item) for item in items if isinstance(item, int | float) and not isinstance(item, bool)]
    except OverflowError:
        raise QueryError("Aggregation function attempted to calculate with a number that is too large") from None
    if not numbers:
        raise QueryError("Aggregation function attempted to calculate value using empty array")
    return numbers


def _aggregate(combine: Callable[[list[float]], float]) -> _Body:
    return lambda value, arguments: combine(_numbers(value, arguments))


def _deviation(numbers: list[float]) -> float:
    mean = sum(numbers) / len(numbers)
    return math.sqrt(sum((number - mean) ** 2 for number in numbers) / len(numbers))


def _length(value: Json, arguments: list[Json]) -> Json:
    subject = arguments[0] if arguments else value
    return len(subject) if isinstance(subject, list | dict) else None


def _keys(value: Json, arguments: list[Json]) -> Json:
    return list(value) if isinstance(value, dict) else None


def _concat(value: Json, arguments: list[Json]) -> Json:
    items: list[Json] = [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
    for argument in arguments:
        items += argument if isinstance(argument, list) else [argument]
    parts, length = list[str](), 0
    for item in items:
        parts.append(java_text(item))
        length += len(parts[-1])
        if length > _LONGEST:
            raise QueryError(f"The JSONPath function 'concat' makes a text of more than {_LONGEST} characters")
    return "".join(parts)


def _append(value: Json, arguments: list[Json]) -> Json:
    return [*value, *arguments] if isinstance(value, list) else value


def _item(value: Json, index: int) -> Json:
    if not isinstance(value, list) or not -len(value) <= index < len(value):
        raise QueryError("Aggregation function attempted to calculate value using empty array")
    return value[index]


def _index(value: Json, arguments: list[Json]) -> Json:
    index = arguments[0] if arguments else None
    if not isinstance(index, int) or isinstance(index, bool):
        raise QueryError("The JSONPath function 'index' needs a whole number")
    return _item(value, index)


_BODIES: Mapping[str, _Body] = MappingProxyType(
    {
        "length": _length,
        "size": _length,
        "min": _aggregate(min),
        "max": _aggregate(max),
        "sum": _aggregate(sum),
        "avg": _aggregate(lambda numbers: sum(numbers) / len(numbers)),
        "stddev": _aggregate(_deviation),
        "concat": _concat,
        "append": _append,
        "keys": _keys,
        "first": lambda value, arguments: _item(value, 0),
        "last": lambda value, arguments: _item(value, -1),
        "index": _index,
    }
)
