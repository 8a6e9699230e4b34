"""The event loop that the house runs on."""

from __future__ import annotations

import asyncio
import atexit
import gc
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")

# Seconds. The store's threads hand the interpreter to the loop and back many times a commit; with Python's own 5 ms, a
# loop that is busy keeps them waiting (measured: reads beside a busy thread fall from 1 to 7 ms to 0.4 ms).
_SWITCH = 0.0002

# Containers made and not yet gone until the collector looks for circles among the young ones, and how many such looks
# make one among the older. Requests and turns leave none behind: with Python's own 700, each full look at all that a
# server has imported held everybody up for 20 ms, twice a second.
_COLLECT = (5_000, 20, 20)


def run(main: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine on the fastest event loop there is. For a process of its own: it tunes the interpreter."""
    sys.setswitchinterval(_SWITCH)
    gc.freeze()  # what was imported stays until the end
    gc.set_threshold(*_COLLECT)
    # At the very end the interpreter looks for circles in all there is, several times: 50 ms, to find what the process
    # takes with it anyway.
    atexit.register(gc.freeze)
    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


def settle() -> None:
    """Say that what there is now stays until the end: the collector looks at it no more."""
    gc.collect()
    gc.freeze()
