"""Whole numbers in queries, paths and tokens of a client.

Rules that must stay true here:
- What the store cannot hold (64 bits with a sign) is no number, however many digits it has.
"""

from __future__ import annotations

from typing import Final

LARGEST: Final = 2**63 - 1


def whole(text: str) -> int | None:
    """The number that a text of ASCII digits is; None where it is none, or too large."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    number = int(text)
    return number if number <= LARGEST else None
