"""The functions that Step Functions adds to JSONata (AWS, "JSONata functions provided by Step Functions").

Rules that must stay true here:
- Randomness comes from the scope; with a seed, from the seed alone.
- `$eval` does not exist.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from stepwell.language.errors import Overrun
from stepwell.language.intrinsics.hash import ALGORITHMS
from stepwell.language.java_random import first_double
from stepwell.language.opaque import REASON, is_opaque
from stepwell.language.scope import Scope
from stepwell.language.values import Json, dumps, loads

Function: TypeAlias = Callable[..., Json]

_QUICK: Final = 1_000  # items or characters that a hurried evaluation can wait for
_MOST_ITEMS: Final = 1_000_000


class FunctionFault(Exception):
    """A call that cannot be answered; the text is that of JSONata's errors, code first."""


def partition(array: Json = None, size: Json = None) -> Json:
    """`$partition(array, size)`: the array in pieces of `size`, the last of which may be shorter."""
    items: list[Json] = array if isinstance(array, list) else [array]
    step = _whole(size, "partition", 2)
    if step < 1:
        raise FunctionFault('T0410: Argument 2 of function "partition" must be a positive number')
    pieces: list[Json] = []
    for start in range(0, len(items), step):
        pieces.append(items[start : start + step])
    return pieces


def range_(first: Json = None, last: Json = None, step: Json = None) -> Json:
    """`$range(first, last, step)`: the numbers from first to last, both included. One alone stands for itself, none is
    undefined, as with every sequence of JSONata."""
    start, end, by = _whole(first, "range", 1), _whole(last, "range", 2), _whole(step, "range", 3)
    if by == 0:
        raise FunctionFault('T0410: Argument 3 of function "range" must not be zero')
    numbers = range(start, end + (1 if by > 0 else -1), by)
    if len(numbers) > _MOST_ITEMS:
        raise FunctionFault(f"D2014: The size of the sequence allocated by the range function exceeds {_MOST_ITEMS}")
    return numbers[0] if len(numbers) == 1 else list(numbers) or None


def hash_(data: Json = None, algorithm: Json = None) -> Json:
    """`$hash(data, algorithm)`: hexadecimal. Data that is no string is hashed as its JSON text."""
    name = ALGORITHMS.get(algorithm) if isinstance(algorithm, str) else None
    if name is None:
        raise FunctionFault(f'T0410: Argument 2 of function "hash" must be one of {", ".join(ALGORITHMS)}')
    text = data if isinstance(data, str) else dumps(data)
    return hashlib.new(name, text.encode(errors="surrogatepass"), usedforsecurity=False).hexdigest()


def parse(text: Json = None) -> Json:
    """`$parse(text)`: the value of a JSON text, boxed as `{"v": …}` so that null stays null."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise FunctionFault('T0410: Argument 1 of function "parse" does not match function signature')
    try:
        return {"v": loads(text)}
    except ValueError as fault:
        raise FunctionFault(f'D3120: Syntax error in the JSON text passed to function "parse": {fault}') from None


def eval_(*arguments: Json) -> Json:
    """`$eval` is not to be had."""
    raise FunctionFault("T1006: Attempted to invoke a non-function")


def functions_of(scope: Scope, names: frozenset[str]) -> Mapping[str, Function]:
    """Those of the named functions that are AWS's, for an evaluation in this scope."""
    found: dict[str, Function] = {name: _PURE[name] for name in names if name in _PURE}
    if scope.opaque is not None:
        found.update((name, _closed(name, found[name], scope.opaque)) for name in _LOOKING & found.keys())
    if "range" in found and scope.patience.hurried:
        found["range"] = _hurried_range
    if "random" in names:
        found["random"] = lambda seed=None: scope.randomness.uniform() if seed is None else _seeded(seed)
    if "uuid" in names:
        found["uuid"] = lambda: scope.randomness.uuid4()
    return found


def _closed(name: str, function: Function, brand: str) -> Function:
    """The function where opaque texts are about (`opaque.py`)."""

    def closed(*arguments: Json) -> Json:
        if is_opaque(list(arguments), brand):
            raise FunctionFault(f'T0410: Argument 1 of function "{name}": {REASON}')
        return function(*arguments)

    return closed


def _hurried_range(first: Json = None, last: Json = None, step: Json = None) -> Json:
    numbers = (first, last, step)
    start, end, by = (number if isinstance(number, int) else 0 for number in numbers)
    if by and (end - start) // by > _QUICK:
        raise Overrun
    return range_(first, last, step)


def _seeded(seed: Json) -> float:
    return first_double(_whole(seed, "random", 1))


def _whole(value: Json, function: str, place: int) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise FunctionFault(f'T0410: Argument {place} of function "{function}" does not match function signature')
    return value


_PURE: Final[Mapping[str, Function]] = {
    "partition": partition,
    "range": range_,
    "hash": hash_,
    "parse": parse,
    "eval": eval_,
}
_LOOKING: Final = frozenset({"hash", "parse"})
NAMES: Final = frozenset({*_PURE, "random", "uuid"})
