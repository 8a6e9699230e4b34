"""Java's random numbers for a seed, which users see wherever AWS takes one."""

from __future__ import annotations


def first_double(seed: int) -> float:
    """The first `nextDouble()` of a `java.util.Random` with this seed: 53 bits of a 48-bit linear generator."""
    state = (seed ^ 0x5DEECE66D) & 0xFFFFFFFFFFFF
    state = (state * 0x5DEECE66D + 0xB) & 0xFFFFFFFFFFFF
    high = state >> 22
    state = (state * 0x5DEECE66D + 0xB) & 0xFFFFFFFFFFFF
    return float((high << 27) + (state >> 21)) / float(1 << 53)
