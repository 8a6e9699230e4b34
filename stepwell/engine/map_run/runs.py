"""All map runs of an engine: begun with the turns that ask for them, in memory while something happens to them.

Rules that must stay true here:
- A map run begins in the commit of the turn that asks for it.
- Its standing row in the outbox finds it after a crash; one that merely waits for its children is not kept in memory,
  but for the most recent few.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from stepwell.engine.committer import Answered
from stepwell.engine.live import Live
from stepwell.engine.map_run.actor import Actor
from stepwell.engine.map_run.post import Aborted, AskedAgain, ChildEnded, Event, Updated
from stepwell.engine.map_run.progress import Counts, Progress, Redriven, encode
from stepwell.engine.map_run.run import STANDING, STANDING_KIND, Gone, Surroundings
from stepwell.engine.trace import below
from stepwell.language.values import dumps
from stepwell.machine.turn import MapRunStart
from stepwell.store.protocol import Answer, EffectRow, ExecutionChange, NewExecution, StoreError, TurnRecord

logger = logging.getLogger("stepwell.engine")

_PAGE = 200
_IDLE = 64


class MapRuns:
    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._actors: dict[int, Actor] = {}
        self._idle: OrderedDict[int, Actor] = OrderedDict()
        self._recovery: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._stopping = False

    def start(self) -> None:
        """Go on with what an earlier process has left."""
        self._recovery = asyncio.get_running_loop().create_task(self._recover())

    async def stop(self) -> None:
        self._stopping = True
        if self._recovery is not None:
            self._recovery.cancel()
            await asyncio.gather(self._recovery, return_exceptions=True)
        await asyncio.gather(*(actor.stop() for actor in self._actors.values()), *self._closing)

    @property
    def stuck(self) -> int:
        """How many a defect keeps from going on; they are tried again."""
        return sum(actor.stuck for actor in self._actors.values())

    # -- begin and go on

    def begin(self, live: Live, start: MapRunStart, requires: tuple[int, int]) -> tuple[TurnRecord, Answered]:
        """The record that begins a map run together with the turn that asks for it."""
        parent = live.identity
        assert parent is not None
        around = self._around
        now = around.clock.now()
        key = around.draw_key(now)
        order = start.order
        length = order["length"]
        progress = Progress(
            max_concurrency=order["max_concurrency"],  # type: ignore[arg-type]  # the language answers with numbers
            tolerated_count=order["tolerated_count"],  # type: ignore[arg-type]
            tolerated_percentage=order["tolerated_percentage"],  # type: ignore[arg-type]
            known=order["reader"] is None,
            clock=live.clock,
            items=Counts(total=length if isinstance(length, int) else 0),
        )
        record = TurnRecord(
            key=key,
            version=1,
            new=NewExecution(
                key=key,
                arn=start.arn,
                machine_arn=f"{parent.machine_arn.partition('/')[0]}/{order['label']}",
                machine_id=live.key,
                name=start.arn.rpartition(":")[2],
                definition_hash=parent.definition_hash,
                revision_id=parent.revision_id,
                role_arn=parent.role_arn,
                start_date=now if live.clock is None else live.clock,
                input=dumps(dict(order)),
                test_case=parent.test_case,
                parent_key=live.key,
                parent_token=start.token,
                tokens_hold_clock=parent.tokens_hold_clock,
                trace=_trace(live, start.path),
            ),
            change=ExecutionChange(status="RUNNING", last_event_id=0, data=encode(progress)),
            effects=(EffectRow(STANDING, STANDING_KIND, start.arn, None, b""),),
            requires=requires,
        )

        def answered(answer: Answer | StoreError) -> None:
            if answer is Answer.ACCEPTED and not self._stopping:
                self._actor(key).wake()

        return record, answered

    async def child_ended(self, key: int, message: tuple[int, int], status: str, items: int, at: int | None) -> None:
        """A child of the map run has ended. Raises StoreError, Stuck."""
        await self._tell(key, ChildEnded(message, status, items, at))

    async def abort(self, key: int, message: tuple[int, int]) -> None:
        """The parent no longer waits. Raises StoreError, Stuck."""
        await self._tell(key, Aborted(message))

    async def redrive(self, key: int, message: tuple[int, int], asked: Redriven) -> None:
        """The parent waits again. Raises StoreError, Stuck."""
        await self._tell(key, AskedAgain(message, asked))

    async def update(self, key: int, changes: Mapping[str, Any]) -> bool:
        """Change members of the progress. False where the run has ended. Raises StoreError, Stuck."""
        return await self._tell(key, Updated(changes))

    async def _tell(self, key: int, event: Event) -> bool:
        try:
            return await self._actor(key).tell(event)
        except Gone:
            if not isinstance(event, Updated):
                await self._around.store.settle([event.message])
            return False

    # -- in memory

    def _actor(self, key: int) -> Actor:
        self._idle.pop(key, None)
        actor = self._actors.get(key)
        if actor is None:
            actor = self._actors[key] = Actor(key, self._around, self._rested)
        return actor

    def _rested(self, key: int) -> None:
        actor = self._actors[key]
        self._idle[key] = actor
        while len(self._idle) > _IDLE:
            _, oldest = self._idle.popitem(last=False)
            self._drop(oldest)

    def _drop(self, actor: Actor) -> None:
        del self._actors[actor.key]
        closing = asyncio.get_running_loop().create_task(actor.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _recover(self) -> None:
        after = (0, 0)
        while True:
            try:
                rows = await self._around.store.outbox(STANDING_KIND, after, _PAGE)
            except Exception as error:
                defect = not isinstance(error, StoreError)
                logger.warning("the map runs cannot be read, trying again: %s", error, exc_info=defect)
                await asyncio.sleep(1)
                continue
            for row in rows:
                self._actor(row.key).wake()
            if len(rows) < _PAGE:
                return
            after = (rows[-1].key, rows[-1].effect.id)


def _trace(live: Live, path: str) -> str | None:
    """The trace of a map run: it hangs below the span of its state."""
    execution = live.execution
    if execution is None or execution.trace is None:
        return None
    return below(execution.trace, execution.arn, execution.frames[path].entered_id)
