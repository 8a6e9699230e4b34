"""A map run and those who tell it something: it goes on while there is something to do, and is tried again where it
cannot.

Rules that must stay true here:
- Whoever has told the run something is answered, whatever happens: once it is committed, or with an error.
- A run that cannot go on is never left to itself: the log says why, and it is tried again, after pauses that grow.
- One that a defect stops takes nothing in until then. Only what it was told is kept for it, on disk, where it was.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from stepwell.engine.errors import Stuck
from stepwell.engine.map_run.post import Event, Post
from stepwell.engine.map_run.run import Gone, Run, Surroundings
from stepwell.store.protocol import StoreError

logger = logging.getLogger("stepwell.engine")

_PAUSE = 1.0  # seconds until the second try; each further one waits twice as long
_PATIENCE = 60.0  # seconds between two tries, at most


class Actor:
    """`stuck` says that a defect has stopped the run."""

    def __init__(self, key: int, around: Surroundings, rested: Callable[[int], None]) -> None:
        """`rested` is called when nothing is left to do but to wait."""
        self.key = key
        self.stuck = False
        self._around = around
        self._rested = rested
        self._inbox: deque[Post] = deque()
        self._run: Run | None = None  # None until it is loaded
        self._task: asyncio.Task[None] | None = None
        self._pause = _PAUSE
        self._alarm: asyncio.TimerHandle | None = None  # until it is tried again

    async def tell(self, event: Event) -> bool:
        """Whether the event was taken in; it is then committed. Raises StoreError, Stuck, Gone."""
        if self.stuck:
            raise Stuck(f"a defect stops the map run with the key {self.key}")
        post = Post(event)
        self._inbox.append(post)
        self.wake()
        return await post.reply

    def wake(self) -> None:
        """Go on, or try again."""
        self._forget_alarm()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def stop(self) -> None:
        """Do nothing more; the rest stays in the store."""
        self._forget_alarm()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._answer(StoreError("stopping"))
        await self.close()

    async def close(self) -> None:
        if self._run is not None:
            await self._run.close()

    async def _work(self) -> None:
        trouble: Exception | None = None
        try:
            await self._go_on()
        except Gone as error:
            await self._give_up(error)
        except StoreError as error:
            trouble, self.stuck = error, False
            await self._give_up(error)
        except Exception as error:
            trouble, self.stuck = error, True
            await self._give_up(Stuck(f"a defect stops the map run with the key {self.key}"))
        finally:
            self._task = None
        if trouble is not None:
            self._try_again(trouble)
        elif self._inbox:
            self.wake()
        else:
            self._pause = _PAUSE
            self._rested(self.key)

    async def _go_on(self) -> None:
        if self._run is None:
            run = Run(self.key, self._around, self._inbox)
            await run.load()
            self._run = run
        more = True
        while more:
            more = await self._run.step()
            self.stuck = False

    async def _give_up(self, error: Exception) -> None:
        """Forget what is in memory; whoever waits tries again."""
        run, self._run = self._run, None
        if run is not None:
            if await run.ended():  # it has come further
                self._pause = _PAUSE
            await run.close()
        self._answer(error)

    def _answer(self, error: Exception) -> None:
        for post in self._inbox:
            if not post.reply.done():
                post.reply.set_exception(error)
        self._inbox.clear()

    def _try_again(self, trouble: Exception) -> None:
        first, pause = self._pause == _PAUSE, self._pause
        self._pause = min(pause * 2, _PATIENCE)
        self._alarm = asyncio.get_running_loop().call_later(pause, self.wake)
        if self.stuck:
            logger.error(
                "a defect stops the map run with the key %d, trying again in %.0f s: %r",
                self.key,
                pause,
                trouble,
                exc_info=trouble if first else None,
            )
        else:
            logger.warning(
                "the map run with the key %d cannot go on, trying again in %.0f s: %s", self.key, pause, trouble
            )

    def _forget_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
