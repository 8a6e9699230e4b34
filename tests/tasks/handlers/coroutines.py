"""Handlers of `async` functions."""

import asyncio
import os
import time
from pathlib import Path

_here = 0


def note(file, text):
    Path(file).write_text(text)


async def echo(event, context):
    return event


async def meets(event, context):
    """Ends when `event` calls are inside at once."""
    global _here
    _here += 1
    while _here < event:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    return os.getpid()


async def most_at_once(event, context):
    global _here
    _here += 1
    seen = _here
    await asyncio.sleep(0.01)
    _here -= 1
    return seen


async def forever(event, context):
    note(event, str(os.getpid()))
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        note(event, "cancelled")
        raise


async def process(event, context):
    return os.getpid()


async def blocks(event, context):
    time.sleep(3600)  # noqa: ASYNC251  # what a coroutine must not do


async def raises(event, context):
    raise KeyError("colour")


async def exits(event, context):
    raise SystemExit(4)


async def prints(event, context):
    print(f"{event} begins")
    await asyncio.sleep(0.01)
    print(f"{event} ends")
