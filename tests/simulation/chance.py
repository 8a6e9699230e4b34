"""Chance and time of a simulated process: all of it comes from the seed.

Rules that must stay true here:
- Within `ruled_by` nothing in this process draws a random number or reads a clock of its own.
- Each subject has a stream of its own: what one part draws changes nothing for another.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch


def stream(seed: int, subject: str) -> random.Random:
    """The random numbers of one subject."""
    return random.Random(f"{seed}:{subject}")  # it is to be predictable


@contextmanager
def ruled_by(
    entropy: random.Random, monotonic: Callable[[], float], stopwatch: Callable[[], float], wall: Callable[[], int]
) -> Iterator[None]:
    """Let the process's randomness come from `entropy`, and its time (seconds, and nanoseconds since 1970) from the
    simulated clocks. `stopwatch` is what it measures its own work with."""
    with (
        patch.object(os, "urandom", entropy.randbytes),
        patch.object(random, "_urandom", entropy.randbytes),
        patch.object(time, "perf_counter", stopwatch),
        patch.object(time, "monotonic", monotonic),
        patch.object(time, "monotonic_ns", lambda: int(monotonic() * 1_000_000_000)),
        patch.object(time, "time", lambda: wall() / 1_000_000_000),
        patch.object(time, "time_ns", wall),
    ):
        yield
