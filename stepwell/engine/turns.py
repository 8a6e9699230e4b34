"""Turns: computed on the event loop where they are short, on a worker thread where they are not.

Rules that must stay true here:
- A turn is pure: one that was given up on the loop is computed again from the same time and entropy, with the same
  answer.
- On a thread the interpreter still takes turns with the loop, but a long expression does not hold it.
- While a turn is computed on a thread, nobody else touches its execution: that is the caller's to see to.
"""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from stepwell.engine.drawn import Drawn
from stepwell.engine.metrics import Metrics
from stepwell.language.errors import Overrun
from stepwell.language.model import Program
from stepwell.language.scope import Patience
from stepwell.machine.advance import advance, break_down
from stepwell.machine.execution import Execution
from stepwell.machine.stimulus import Stimulus
from stepwell.machine.turn import Turn

logger = logging.getLogger("stepwell.engine")

_ON_LOOP: Final = 0.010  # seconds that the expressions of a turn may take on the loop, all together
_ON_THREAD: Final = 10.0  # and on a thread, so that a hostile machine can be stopped
_THREADS: Final = 4


class Turns:
    """`drawn` gives the random bytes that turns are computed with."""

    def __init__(self, metrics: Metrics) -> None:
        self.drawn = Drawn()
        self._metrics = metrics
        self._threads: ThreadPoolExecutor | None = None

    def at_once(
        self, program: Program, execution: Execution, stimulus: Stimulus, now: int, entropy: bytes
    ) -> Turn | None:
        """The turn, or None where the stimulus is stale. Raises Overrun where it takes too long for the event loop."""
        turn = _compute(program, execution, stimulus, now, entropy, _patience(_ON_LOOP, hurried=True))
        if turn is not None:
            self._metrics.turn(execution.machine_arn, turn)
        return turn

    async def slowly(
        self, program: Program, execution: Execution, stimulus: Stimulus, now: int, entropy: bytes
    ) -> Turn | None:
        """The same turn, on a worker thread."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="stepwell-turn")
        turn = await asyncio.get_running_loop().run_in_executor(
            self._threads, _compute_slowly, program, execution, stimulus, now, entropy
        )
        if turn is not None:
            self._metrics.turn(execution.machine_arn, turn)
        return turn

    def close(self) -> None:
        """End the threads, each with the turn that it is computing."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)


def _compute_slowly(
    program: Program, execution: Execution, stimulus: Stimulus, now: int, entropy: bytes
) -> Turn | None:
    return _compute(program, execution, stimulus, now, entropy, _patience(_ON_THREAD, hurried=False))


def _compute(
    program: Program, execution: Execution, stimulus: Stimulus, now: int, entropy: bytes, patience: Patience
) -> Turn | None:
    try:
        return advance(program, execution, stimulus, now, entropy, patience)
    except Overrun:
        raise
    except Exception:
        logger.exception("a defect ends the execution %s", execution.arn)
        return break_down(program, execution, now)


def _patience(seconds: float, *, hurried: bool) -> Patience:
    end = time.perf_counter() + seconds
    return Patience(hurried=hurried, left=lambda: end - time.perf_counter())
