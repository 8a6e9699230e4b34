"""The first turns of executions that start together: the children of a map run.

Rules that must stay true here:
- Nothing has happened yet when a first turn is computed: it may be thrown away.
- However many start together, others have their turn of the event loop every few milliseconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from stepwell.engine.clock import Clock
from stepwell.engine.live import Live
from stepwell.engine.turns import Turns
from stepwell.language.errors import Overrun
from stepwell.machine.stimulus import Start
from stepwell.machine.turn import UNBORN, Turn

_AT_ONCE: Final = 0.005  # seconds


async def first_turns(turns: Turns, clock: Clock, lives: Sequence[Live]) -> list[Turn]:
    """The first turn of each execution. One that takes long is put off: the execution is born without it, and goes on
    as what a spent budget has left."""
    found: list[Turn] = []
    rested = time.perf_counter()
    for live in lives:
        assert live.execution is not None
        assert live.compiled is not None
        now = clock.now() if live.clock is None else live.clock
        try:
            turn = turns.at_once(live.compiled.program, live.execution, Start(), now, turns.drawn(32))
        except Overrun:
            turn = None
        found.append(turn or UNBORN)
        if time.perf_counter() - rested > _AT_ONCE:
            await asyncio.sleep(0)
            rested = time.perf_counter()
    return found
