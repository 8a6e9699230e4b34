"""States.Format.

Rules that must stay true here:
- `{}` is a place; `\\{`, `\\}`, `\\'` and `\\\\` stand for the character itself.
- Values are written as Java writes them: the recorded cases show objects as `{a=1}`.
"""

from __future__ import annotations

import re

from stepwell.language.intrinsics import arguments as take
from stepwell.language.intrinsics.call import Failure
from stepwell.language.java_text import java_text
from stepwell.language.scope import Randomness
from stepwell.language.values import Json

# Four times what a state may put out, so that a call cannot fill the memory.
LONGEST = 1 << 20

# A place, or an escaped character. This pattern is ours and linear; no user's text is ever a pattern.
_MARK = re.compile(r"(\{\})|\\([{}'\\])")


def format_text(arguments: list[Json], randomness: Randomness) -> Json:
    """`States.Format(template, a, b, …)`: as many places as values."""
    template, values = take.string(arguments, 1), arguments[1:]
    places = sum(1 for mark in _MARK.finditer(template) if mark[1])
    if places != len(values):
        raise Failure(f"The template has {places} occurrences of {{}}, but there are {len(values)} arguments")
    texts, length = [], len(template)
    for value in values:
        texts.append(java_text(value))
        length += len(texts[-1])
        if length > LONGEST:
            raise Failure(f"The text must have at most {LONGEST} characters")
    following = iter(texts)
    return _MARK.sub(lambda mark: next(following) if mark[1] else mark[2], template)
