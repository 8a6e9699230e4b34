"""Which names AWS takes for machines, executions and activities.

Rules that must stay true here:
- The length of a name is the service model's matter; here are only its characters.
- Checking is linear in the name.
"""

from __future__ import annotations

import os
import re
from typing import Final

from stepwell.api import faults

# API reference, `name` of CreateStateMachine: no white space, brackets, wildcards, special characters, control
# characters, U+FFFE and U+FFFF, surrogates, U+10FFFF.
_REFUSED = re.compile('[\\s<>{}\\[\\]?*"#%\\\\^|~`$&,;:/\x00-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff\U0010ffff]')


_FREE: Final = ~(0xF << 76 | 0x3 << 62)
_VERSION_4: Final = 0x4 << 76 | 0x2 << 62


def draw_name() -> str:
    """A name for an execution whose client gives none: a random UUID, as AWS draws them (RFC 9562, version 4)."""
    return uuid_text(int.from_bytes(os.urandom(16), "big") & _FREE | _VERSION_4)


def uuid_text(bits: int) -> str:
    """128 bits in the form of a UUID: what `str(UUID(int=bits))` gives, without the object."""
    digits = f"{bits:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def check_name(name: str) -> str:
    """The name. Raises InvalidName where AWS does not take one of its characters."""
    if _REFUSED.search(name) is not None:
        raise faults.invalid_name(name)
    return name
