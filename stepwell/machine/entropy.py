"""The random values of one turn, derived from the 32 bytes that the engine draws for it.

Rules that must stay true here:
- The same bytes give the same values in the same order, on every machine and in every version of Python.
- Nothing is derived before it is asked for: most turns need no randomness at all.
"""

from __future__ import annotations

from hashlib import blake2b
from uuid import UUID


class Entropy:
    """A stream of random bytes; serves the language as its `Randomness`."""

    __slots__ = ("_count", "_seed")

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._count = 0

    def bytes(self, size: int) -> bytes:
        """`size` bytes, 64 at most."""
        self._count += 1
        return blake2b(self._count.to_bytes(8, "big"), key=self._seed, digest_size=size).digest()

    def uuid4(self) -> str:
        return str(UUID(bytes=self.bytes(16), version=4))

    def uniform(self) -> float:
        return int.from_bytes(self.bytes(7), "big") / (1 << 56)
