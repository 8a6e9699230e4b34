"""Functions on strings.

Rules that must stay true here:
- Every character of the second argument separates, and no part is empty, as the recorded cases show.
"""

from __future__ import annotations

from stepwell.language.intrinsics import arguments as take
from stepwell.language.scope import Randomness
from stepwell.language.values import Json


def string_split(arguments: list[Json], randomness: Randomness) -> Json:
    """`States.StringSplit(text, separators)`."""
    text, separators = take.string(arguments, 1), take.string(arguments, 2)
    if not separators:
        return [text] if text else []
    first = separators[0]
    united = text.translate({ord(separator): first for separator in separators})
    return [part for part in united.split(first) if part]
