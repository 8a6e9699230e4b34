"""References: the texts that stand for sealed values.

    sealed-3k7qx2m5wd4ahv6tbn2e-r5j2kq7xw3mdp
           the brand            the value   the form

Rules that must stay true here:
- A reference is random and of fixed length: it tells nothing of the value, its length included.
- The brand is drawn with the first secret of a root execution, and its children inherit it. Nobody outside can know it
  before, so a text with it in a client's input cannot be: what looks like a reference there has another brand.
- Letters and digits only, and hyphens: no escaping, quoting or template changes a reference.
"""

from __future__ import annotations

import re
import secrets
from typing import Final

from stepwell.vault.forms import FORMS, PLAIN

_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
_BRAND: Final = 20  # letters: 100 bits
_ID: Final = 12  # letters: 60 bits
LENGTH: Final = len("sealed-") + _BRAND + len("-") + _ID + 1
REMOVED: Final = "(sealed value)"
"""What stands in place of a reference that comes from outside, where it means nothing."""


def _draw(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def draw_brand() -> str:
    """A brand, as it begins every reference that carries it."""
    return f"sealed-{_draw(_BRAND)}-"


def draw_id() -> str:
    """What tells a value from the others of its brand."""
    return _draw(_ID)


def reference(brand: str, id: str, form: str = PLAIN) -> str:
    return f"{brand}{id}{form}"


def references(brand: str) -> re.Pattern[str]:
    """What finds the references of a brand: groups `id` and `form`."""
    return re.compile(rf"{re.escape(brand)}(?P<id>[{_ALPHABET}]{{{_ID}}})(?P<form>[{''.join(FORMS)}])")
