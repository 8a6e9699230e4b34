"""Random bytes of the system's, drawn many at a time: each call of the system hands the interpreter's lock over, and a
turn needs 32 bytes.

Rules that must stay true here:
- No byte is given twice. They are good enough for secrets: task tokens derive from them.
- For one thread, and one process: nothing of this goes through a fork.
"""

from __future__ import annotations

import os
from typing import Final

_AT_ONCE: Final = 4096


class Drawn:
    """Called with how many bytes are wanted, 4096 at most."""

    __slots__ = ("_at", "_bytes")

    def __init__(self) -> None:
        self._bytes = b""
        self._at = 0

    def __call__(self, size: int) -> bytes:
        begin = self._at
        self._at = end = begin + size
        if end > len(self._bytes):
            self._bytes, begin, self._at = os.urandom(_AT_ONCE), 0, size
            end = size
        return self._bytes[begin:end]
