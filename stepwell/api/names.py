"""Which names AWS takes for machines, executions and activities.

Rules that must stay true here:
- The length of a name is the service model's matter; here are only its characters.
- Checking is linear in the name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from stepwell.api import faults

# API reference, `name` of CreateStateMachine: no white space, brackets, wildcards, special characters, control
# characters, U+FFFE and U+FFFF, surrogates, U+10FFFF.
_REFUSED = re.compile('[\\s<>{}\\[\\]?*"#%\\\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff\U0010ffff]')


_VARIANT: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def draw_name(drawn: Callable[[int], bytes]) -> str:
    """A name for an execution whose client gives none: a random UUID, as AWS draws them (RFC 9562, version 4). `drawn`
    gives so many random bytes."""
    digits = drawn(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:]}"


def check_name(name: str) -> str:
    """The name. Raises InvalidName where AWS does not take one of its characters."""
    if _REFUSED.search(name) is not None:
        raise faults.invalid_name(name)
    return name
