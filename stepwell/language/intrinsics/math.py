"""Functions on numbers.

Rules that must stay true here:
- Numbers are rounded to whole ones before they are used.
- A random number comes from the turn's randomness; with a seed, from the seed alone.
"""

from __future__ import annotations

from stepwell.language.intrinsics import arguments as take
from stepwell.language.intrinsics.call import Failure
from stepwell.language.java_random import first_double
from stepwell.language.scope import Randomness
from stepwell.language.values import Json

# Beyond this a floating-point number is no longer exact, and a random one no longer evenly spread.
_EXACT = 1 << 52


def math_add(arguments: list[Json], randomness: Randomness) -> Json:
    """`States.MathAdd(a, b)`."""
    return take.rounded(arguments, 1) + take.rounded(arguments, 2)


def math_random(arguments: list[Json], randomness: Randomness) -> Json:
    """`States.MathRandom(start, end)` or `(start, end, seed)`: start included, end not."""
    start, end = take.rounded(arguments, 1), take.rounded(arguments, 2)
    if not -_EXACT <= start <= end <= _EXACT:
        raise Failure("The numbers are out of range")
    if start >= end:
        raise Failure("The start number must be smaller than the end number")
    fraction = first_double(take.rounded(arguments, 3)) if len(arguments) == 3 else randomness.uniform()
    return start + int(fraction * (end - start))
