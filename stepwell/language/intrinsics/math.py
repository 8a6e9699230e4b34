"""Functions on numbers.

Rules that must stay true here:
- Numbers are rounded to whole ones before they are used.
- A random number comes from the turn's randomness; with a seed, from the seed alone.
"""

from __future__ import annotations

from stepwell.language.intrinsics import arguments as take
from stepwell.language.intrinsics.call import Failure
from stepwell.language.scope import Randomness
from stepwell.language.values import Json

# Beyond this a floating-point number is no longer exact, and a random one no longer evenly spread.
_EXACT = 1 << 52


def math_add(arguments: list[Json], randomness: Randomness) -> Json:  # noqa: ARG001
    """`States.MathAdd(a, b)`."""
    return take.rounded(arguments, 1) + take.rounded(arguments, 2)


def math_random(arguments: list[Json], randomness: Randomness) -> Json:
    """`States.MathRandom(start, end)` or `(start, end, seed)`: start included, end not."""
    start, end = take.rounded(arguments, 1), take.rounded(arguments, 2)
    if not -_EXACT <= start <= end <= _EXACT:
        raise Failure("The numbers are out of range")
    if start >= end:
        raise Failure("The start number must be smaller than the end number")
    fraction = _seeded(take.rounded(arguments, 3)) if len(arguments) == 3 else randomness.uniform()
    return start + int(fraction * (end - start))


def _seeded(seed: int) -> float:
    """The first `nextDouble()` of a `java.util.Random` with this seed: 53 bits of a 48-bit linear generator."""
    state = (seed ^ 0x5DEECE66D) & 0xFFFFFFFFFFFF
    state = (state * 0x5DEECE66D + 0xB) & 0xFFFFFFFFFFFF
    high = state >> 22
    state = (state * 0x5DEECE66D + 0xB) & 0xFFFFFFFFFFFF
    return float((high << 27) + (state >> 21)) / float(1 << 53)
