"""One map run in memory: takes in what it was told, begins children, ends, one commit after the other.

Rules that must stay true here:
- Its children begin in the commit that moves the cursor behind their items: none is lost, and none begins twice.
- Children that end later are taken in by the batch, in the commit that settles their messages; those that end with
  their first turn are counted in the very commit that they begin in.
- What it does next follows from its stored progress alone, so that it can be dropped and loaded at any time.
- Memory holds a bounded part of the items, and no results.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from stepwell.engine.clock import Clock
from stepwell.engine.driver import Driver
from stepwell.engine.map_run.again import Again
from stepwell.engine.map_run.batches import Batch
from stepwell.engine.map_run.births import Births
from stepwell.engine.map_run.commits import Commits
from stepwell.engine.map_run.data_set import DataSets
from stepwell.engine.map_run.ending import finish, sweep
from stepwell.engine.map_run.intake import Intake, room
from stepwell.engine.map_run.order import Order
from stepwell.engine.map_run.post import Aborted, AskedAgain, ChildEnded, Post, Updated
from stepwell.engine.map_run.progress import Ending, Progress, Redriven, decode, encode
from stepwell.engine.programs import Programs
from stepwell.engine.records import MAP_RUN_ENDED, MESSAGE
from stepwell.machine.stimulus import Stop
from stepwell.machine.turn import Turn
from stepwell.store.protocol import (
    EffectRow,
    ExecutionChange,
    NewExecution,
    Store,
    TurnRecord,
)

STANDING_KIND = "mapRun"
STANDING = 1  # the id of the row in the outbox that stands while a map run does
TOLD = 2  # the id of the message that tells the parent of the end; those after redrives follow
_ENDED_AT_ONCE = 256
_THRESHOLD = (
    "States.ExceedToleratedFailureThreshold",
    "The specified tolerated failure threshold was exceeded",
)


class Surroundings(Struct, frozen=True, kw_only=True):
    """What all map runs of an engine share. `told` is called with every committed message to a parent."""

    store: Store
    driver: Driver
    programs: Programs
    data: DataSets
    clock: Clock
    draw_key: Callable[[int], int]
    told: Callable[[int, EffectRow], None]


class Gone(Exception):
    """There is no such map run."""


class Run:
    """To be loaded before anything else. `inbox` holds what the run was told and has not taken in."""

    def __init__(self, key: int, around: Surroundings, inbox: deque[Post]) -> None:
        self.key = key
        self._around = around
        self._inbox = inbox
        self._intake: Intake | None = None
        self._commits = Commits(around.driver)
        self._swept = False

    async def ended(self) -> bool:
        """Wait until no commit is under way; whether any was made."""
        await self._commits.ended()
        return self._commits.accepted

    async def close(self) -> None:
        if self._intake is not None:
            await self._intake.close()

    async def load(self) -> None:
        """Raises StoreError, Gone."""
        store = self._around.store
        loaded = await store.load_execution(self.key)
        if loaded is None:
            raise Gone(self.key)
        assert loaded.row.new.parent_key is not None
        self.new: NewExecution = replace(loaded.row.new, brand=await store.vault.brand(loaded.row.new.parent_key))
        self.version = loaded.row.version
        self._change = loaded.row.change
        self.progress: Progress = decode(loaded.row.change.data)
        program = (await self._around.programs.get(self.new.definition_hash)).program
        self.order = Order(self.new.input, program, self.new.brand)
        self._intake = Intake(self._around.data, self.order, self._around.clock)
        self._births = Births(self.new, self.order, store, self._around.programs, self._around.draw_key)
        change, express = self._change, self.order.distribution.express
        redriven_at = change.redrive_date or self.new.start_date
        self._again = Again(store, self._around.driver, self.key, change.redrive_count, redriven_at, express)
        self._commits = Commits(self._around.driver)
        self._swept = False
        if self.status == "RUNNING":
            await self._again.begin(self.progress)

    @property
    def status(self) -> str:
        return self._change.status

    async def step(self) -> bool:
        """Take in what waits, begin what may begin, and commit it. False where nothing is left to do.

        What could not be taken in is in the inbox again where this raises. Raises StoreError."""
        posts = [self._inbox.popleft() for _ in range(min(len(self._inbox), _ENDED_AT_ONCE))]
        try:
            if self.status != "RUNNING":
                return await self._after_the_end(posts)
            progress, settled = self._taken_in(posts)
            batches: list[Batch] = []
            if progress.ending is None and progress.redriving:
                progress = await self._again.next(progress, room(progress))
            elif progress.ending is None and not progress.exhausted:
                assert self._intake is not None
                progress, batches = await self._intake.next(progress)
            if progress == self.progress and not posts:
                return await self._wind_up()
            redriven_to = self.progress.redriven_to
            await self._commit(progress, settled, batches, posts)
        except BaseException:
            self._inbox.extendleft(post for post in reversed(posts) if not post.reply.done())
            raise
        if progress.redriven_to != redriven_to:
            await self._commits.made()
            await self._again.begin(progress)
        return True

    async def _after_the_end(self, posts: list[Post]) -> bool:
        """Refuse what comes, up to a redrive: what comes behind that finds the run running."""
        for index, post in enumerate(posts):
            if isinstance(post.event, AskedAgain) and not self.progress.knows(post.event.asked):
                self._inbox.extendleft(reversed(posts[index + 1 :]))
                del posts[index + 1 :]
                await self._refuse(posts[:index])
                await self._reopen(post.event.asked, [post.event.message])
                if not post.reply.done():  # whoever has asked may be gone
                    post.reply.set_result(True)
                return True
        await self._refuse(posts)
        return bool(self._inbox)

    async def _refuse(self, posts: Sequence[Post]) -> None:
        """The run has ended: what still comes changes nothing."""
        settled = [post.event.message for post in posts if not isinstance(post.event, Updated)]
        if settled:
            await self._around.store.settle(settled)
        for post in posts:
            if not post.reply.done():
                post.reply.set_result(False)

    def _taken_in(self, posts: Sequence[Post]) -> tuple[Progress, list[tuple[int, int]]]:
        ended = [post.event for post in posts if isinstance(post.event, ChildEnded)]
        settled = [child.message for child in ended]
        progress = self.progress
        if ended:
            at = max((child.at for child in ended if child.at is not None), default=None)
            progress = progress.children_ended([(child.status, child.items) for child in ended], at)
        for post in posts:
            match post.event:
                case ChildEnded():
                    pass
                case Aborted(message):
                    settled.append(message)
                    progress = progress.aborted(message[1])
                    self._swept = False
                case AskedAgain(message, asked):
                    settled.append(message)
                    progress = progress.asked_again(asked)
                    self._swept = False
                case Updated(changes):
                    progress = replace(progress, **changes)
        return _judged(progress), settled

    async def _wind_up(self) -> bool:
        """End the run where nothing of it runs any more, or end the children that nobody wants."""
        await self._commits.made()
        if self._inbox:
            return True
        progress = self.progress
        if not progress.executions.running:
            if progress.ending is None and (progress.redriving or not progress.exhausted):
                return False
            if progress.queued is not None:
                await self._reopen(progress.queued, [])
                return True
            progress = progress.closed()
            end = await finish(self._around.data, self._around.store, self.key, self.new.arn, self.order, progress)
            await self._commit_end(end.status, end.output, end.error, end.cause, end.progress)
            return bool(self._inbox)
        if progress.ending is not None and not self._swept:
            driver = self._around.driver
            await sweep(self._around.store, self.key, lambda child: driver.submit(child, Stop(None, None)))
            self._swept = True
        return bool(self._inbox)

    # -- commits

    async def _commit(
        self,
        progress: Progress,
        settled: Sequence[tuple[int, int]],
        batches: Sequence[Batch],
        posts: Sequence[Post],
    ) -> None:
        """Send a turn on its way, which answers the posts."""
        now = self._around.clock.now()
        lives = await self._births.lives(self.progress, batches, now, self.version + 1)
        turns = await self._around.driver.first_turns(lives)
        if lives:
            ended = [(turn.status, batch.items) for batch, turn in zip(batches, turns, strict=True) if _ended(turn)]
            progress = _judged(replace(progress, last_key=lives[-1].key).children_ended(ended))
        record = TurnRecord(
            key=self.key,
            version=self.version + 1,
            change=replace(self._change, data=encode(progress)),
            settled=settled,
        )
        await self._commits.send(record, lives, turns, [post.reply for post in posts])
        self._stand(record)
        self.progress = progress

    async def _reopen(self, asked: Redriven, settled: Sequence[tuple[int, int]]) -> None:
        """Go on after the end; where the run has succeeded, only tell it once more."""
        change, effects = self._change, (EffectRow(STANDING, STANDING_KIND, self.new.arn, None, b""),)
        told: tuple[EffectRow, ...] = ()
        progress = self.progress.closed()
        if change.status == "SUCCEEDED":
            progress = replace(progress, redriven=asked)
            effects = told = (self._end_message(progress),)
            change = replace(change, data=encode(progress))
        else:
            progress = progress.reopened(asked)
            now = self._around.clock.now() if progress.clock is None else progress.clock
            change = ExecutionChange(
                status="RUNNING",
                last_event_id=0,
                redrive_count=change.redrive_count + 1,
                redrive_date=now,
                data=encode(progress),
            )
        record = TurnRecord(key=self.key, version=self.version + 1, change=change, effects=effects, settled=settled)
        await self._stored(record)
        for row in told:
            self._around.told(self.key, row)
        await self.close()
        await self.load()

    @staticmethod
    def _end_message(progress: Progress) -> EffectRow:
        """Another message for each redrive: the last one may still be on its way."""
        redriven = 0 if progress.redriven is None else progress.redriven.id
        return EffectRow(TOLD + redriven, MESSAGE, MAP_RUN_ENDED, None, b"")

    async def _commit_end(
        self, status: str, output: str | None, error: str | None, cause: str | None, progress: Progress
    ) -> None:
        now = self._around.clock.now() if progress.clock is None else progress.clock
        record = TurnRecord(
            key=self.key,
            version=self.version + 1,
            change=replace(
                self._change,
                status=status,
                stop_date=now,
                output=output,
                error=error,
                cause=cause,
                data=encode(progress),
            ),
            effects_removed=(STANDING,),
            effects=() if status == "ABORTED" else (self._end_message(progress),),
        )
        await self._stored(record)
        self.progress = progress
        for row in record.effects:
            self._around.told(self.key, row)

    async def _stored(self, record: TurnRecord) -> None:
        await self._commits.send(record)
        await self._commits.made()
        self._stand(record)

    def _stand(self, record: TurnRecord) -> None:
        self.version, self._change = record.version, record.change


def _ended(turn: Turn) -> bool:
    return turn.status != "RUNNING"


def _judged(progress: Progress) -> Progress:
    """The progress, about to fail where more has failed than the definition bears."""
    if progress.ending is None and progress.exceeds_tolerance:
        return replace(progress, ending=Ending("FAILED", *_THRESHOLD))
    return progress
