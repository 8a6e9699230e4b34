"""Turns: stimuli in, one execution's strictly in order, commits in groups.

Rules that must stay true here:
- The next turn may be computed on frames that are not committed yet; none of its effects or answers leaves before its
  own commit.
- If a commit fails or is refused, every turn built on it is thrown away with its frames, its callers get an error, and
  the execution is read again.
- What a turn asks for is told to the `Outside` only after its commit.
- A turn that takes long is computed on a thread; the inbox of its execution waits for it, other executions do not.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence

from stepwell.engine.clock import Clock
from stepwell.engine.committer import Answered, Committer
from stepwell.engine.errors import AlreadyStarted, Refused
from stepwell.engine.first_turns import first_turns
from stepwell.engine.idle import Idle
from stepwell.engine.live import Live, Post, restore
from stepwell.engine.notices import told_by
from stepwell.engine.outside import Outside
from stepwell.engine.pace import Pace
from stepwell.engine.programs import Compiled, Programs
from stepwell.engine.records import CONTINUE, turn_record
from stepwell.engine.turns import Turns
from stepwell.language.errors import Overrun
from stepwell.language.model import Task
from stepwell.machine.execution import Execution, Frame
from stepwell.machine.stimulus import Continue, Start, Stimulus, TimerFired
from stepwell.machine.turn import UNBORN, Turn
from stepwell.store.protocol import Answer, Store, StoreError, TurnRecord

logger = logging.getLogger("stepwell.engine")

_PAUSE = 1.0  # seconds until an execution on a virtual clock is tried again after a commit that failed


class Driver:
    def __init__(
        self,
        store: Store,
        programs: Programs,
        committer: Committer,
        clock: Clock,
        outside: Outside,
        turns: Turns,
        idle: int,
    ) -> None:
        self._store = store
        self._programs = programs
        self._committer = committer
        self._clock = clock
        self._outside = outside
        self._live: dict[int, Live] = {}
        self._idle = Idle(idle)
        self._pumps: set[asyncio.Task[None]] = set()
        self._winding_down = False
        self.doomed: set[int] = set()  # ids of machines whose executions enter no further state
        self._turns = turns
        self.pace: Pace | None = None  # what executions wait for before they enter states, where they are held to one

    def wind_down(self) -> None:
        """Begin nothing any more that nobody asks for: the rest of a turn and the jumps of virtual clocks stay in the
        store."""
        self._winding_down = True

    async def finish(self) -> None:
        """Wait until everything that was posted is committed and answered."""
        while self._pumps:
            await asyncio.wait(self._pumps)
        await self._committer.flush()

    def add(self, live: Live) -> None:
        """Take in an execution that is about to start."""
        self._live[live.key] = live

    def post(self, key: int, post: Post) -> None:
        """Hand a stimulus to an execution, in order. Answers come through `post.reply`."""
        live = self._live.get(key)
        if live is None:
            live = self._live[key] = Live(key)
        self._idle.take(key)
        live.inbox.append(post)
        self._pump(live)

    async def submit(
        self,
        key: int,
        stimulus: Stimulus,
        due: int | None = None,
        settles: tuple[int, int] | None = None,
        at: int | None = None,
    ) -> Turn | None:
        """The committed turn that a stimulus led to; None where it was stale. See `Post`. Raises StoreError, KeyError
        (there is no such execution), AlreadyStarted."""
        reply: asyncio.Future[Turn | None] = asyncio.get_running_loop().create_future()
        self.post(key, Post(stimulus, reply, due, settles, at))
        return await reply

    async def look(self, key: int) -> Live:
        """The execution as it stands, to be read only. Raises KeyError, StoreError."""
        live = self._live.get(key)
        if live is None or live.execution is None:
            live = Live(key)
            await self._load(live)
        return live

    async def first_turns(self, lives: Sequence[Live]) -> list[Turn]:
        """The first turns of executions of one program, which `begin` is to start."""
        if lives and (compiled := lives[0].compiled) is not None and compiled.activities:
            assert lives[0].execution is not None
            absent = await self._absent(lives[0].execution, compiled)
            for live in lives:
                assert live.execution is not None
                live.execution.absent = absent
        return await first_turns(self._turns, self._clock, lives)

    def begin(self, lead: TurnRecord, answered: Answered, lives: Sequence[Live], turns: Sequence[Turn]) -> None:
        """Start executions with their first turns in the commit of `lead`, with which they stand and fall."""
        self._committer.add(lead, answered)
        now = self._clock.now()
        for live, turn in zip(lives, turns, strict=True):
            self.add(live)
            self._take_over(live, Post(Start()), Start(), now if live.clock is None else live.clock, turn)

    def wake(self, key: int) -> None:
        """Set an execution going that waits for nothing outside: one on a virtual clock, after a restart."""
        live = self._live.get(key)
        if live is None:
            live = self._live[key] = Live(key)
        self._pump(live)

    # -- the inbox

    def _pump(self, live: Live) -> None:
        """Compute turns for all that is in the inbox: at once where everything is in memory, else in a task."""
        if live.pumping or (self.pace is not None and not self.pace.lets(live, self.wake)):
            return
        live.pumping = True
        if live.execution is not None and live.compiled is not None and not live.compiled.activities:
            self._drain(live)
            return
        task = asyncio.get_running_loop().create_task(self._fetch_and_drain(live))
        self._pumps.add(task)
        task.add_done_callback(self._pumps.discard)

    async def _fetch_and_drain(self, live: Live) -> None:
        try:
            if live.execution is None:
                await self._load(live)
            while live.compiled is not None and live.compiled.activities and live.inbox:
                await self._look_for_activities(live)
                if live.inbox and not self._take(live, live.inbox.popleft()):  # none: it was discarded meanwhile
                    return
        except Exception as error:
            self._discard(live, error)
            return
        self._drain(live)

    async def _load(self, live: Live) -> None:
        loaded = await self._store.load_execution(live.key)
        if loaded is None:
            raise KeyError(live.key)
        live.compiled = await self._programs.get(loaded.row.new.definition_hash)
        try:
            live.execution = await restore(self._store, loaded, live.compiled)
        except KeyError as error:  # the execution is there: nobody may take it for gone
            raise ValueError(f"the execution with the key {live.key} lacks {error}") from error
        live.identity = loaded.row.new
        live.version = loaded.row.version
        live.clock = loaded.row.change.clock
        live.timers = dict(loaded.timers)

    async def _look_for_activities(self, live: Live) -> None:
        assert live.compiled is not None
        assert live.execution is not None
        live.execution.absent = await self._absent(live.execution, live.compiled)

    async def _absent(self, execution: Execution, compiled: Compiled) -> frozenset[str]:
        """The states whose activity does not exist, and is not mocked either."""
        real = [(name, arn) for name, arn in compiled.activities if not self._outside.answers_activity(execution, name)]
        return frozenset([name for name, arn in real if await self._store.find_activity(arn) is None])

    def _drain(self, live: Live) -> None:
        while live.inbox and not live.discarded:
            if not self._take(live, live.inbox.popleft()):
                return
        live.pumping = False
        self._set_going(live)
        self._rest(live)

    def _take(self, live: Live, post: Post) -> bool:
        """One turn. False where it takes long: it is under way on a thread, and goes on with the inbox by itself."""
        execution, compiled = live.execution, live.compiled
        assert execution is not None
        assert compiled is not None
        execution.doomed = live.identity is not None and live.identity.machine_id in self.doomed
        stimulus = post.stimulus
        if isinstance(stimulus, TimerFired):
            if live.timers.get(stimulus.name) != post.due or not self._may_fire(live, stimulus.name):
                self._answer(live, post, None)
                return True
            if live.clock is not None and post.due is not None:
                live.clock = max(live.clock, post.due)
            if stimulus.name == CONTINUE:
                live.continuing = False
                stimulus = Continue()
        elif live.clock is not None and post.at is not None:
            live.clock = max(live.clock, post.at)
        now = self._clock.now() if live.clock is None else live.clock
        entropy = self._turns.drawn(32)
        try:
            put_off = self.pace is not None and self.pace.puts_off(stimulus)
            turn = UNBORN if put_off else self._turns.at_once(compiled.program, execution, stimulus, now, entropy)
        except Overrun:
            slow = self._turns.slowly(compiled.program, execution, stimulus, now, entropy)
            task = asyncio.get_running_loop().create_task(self._take_slowly(live, post, stimulus, now, slow))
            self._pumps.add(task)
            task.add_done_callback(self._pumps.discard)
            return False
        self._take_over(live, post, stimulus, now, turn)
        return True

    async def _take_slowly(
        self, live: Live, post: Post, stimulus: Stimulus, now: int, slow: Coroutine[None, None, Turn | None]
    ) -> None:
        try:
            turn = await slow
            if live.discarded:
                self._fail(post, Refused("the execution has changed in the meantime"))
                return
            self._take_over(live, post, stimulus, now, turn)
        except Exception as error:
            self._fail(post, error)
            self._discard(live, error)
            return
        live.pumping = False
        self._pump(live)

    def _take_over(self, live: Live, post: Post, stimulus: Stimulus, now: int, turn: Turn | None) -> None:
        """Stand where the turn leads to, and have it committed."""
        execution = live.execution
        assert execution is not None
        assert live.identity is not None
        if turn is None:
            if isinstance(stimulus, TimerFired):
                live.timers.pop(stimulus.name, None)  # nothing waits for it: it must not fire for ever
            self._answer(live, post, None)
            return
        if self.pace is not None:
            self.pace.spend(turn)
        record = turn_record(
            live.key,
            live.version + 1,
            turn,
            new=live.new,
            clock=live.clock,
            now=now,
            continued=isinstance(stimulus, Continue) or (turn.status != "RUNNING" and CONTINUE in live.timers),
            logged=not live.identity.unlogged,
            mocked=self._mocked(execution, turn),
            messages=told_by(live, execution, turn, now, self._outside.wants_notices),
            settled=() if post.settles is None else (post.settles,),
            requires=live.requires,
            stored=live.stored,
            vault=None if live.brand is None else live.vault_change(turn, self._clock.now()),
        )
        live.apply(turn, record)
        live.unanswered += 1
        self._committer.add(record, lambda answer: self._answered(live, post, turn, record, answer))
        for start in turn.map_runs:
            self._committer.add(*self._outside.map_run(live, start, (record.key, record.version)))

    def _mocked(self, execution: Execution, turn: Turn) -> frozenset[int]:
        """The ids of the activities' tasks that need no worker."""
        return frozenset(
            effect.id
            for effect in turn.effects
            if effect.resource.kind == "activity" and self._outside.answers_activity(execution, effect.state_name)
        )

    def _answer(self, live: Live, post: Post, turn: Turn | None) -> None:
        """Tell the caller, once everything that the answer rests on is committed."""
        if live.unanswered and turn is None:
            live.after_commit.append(post)
        elif post.reply is not None and not post.reply.done():
            post.reply.set_result(turn)

    # -- the commit

    def _answered(self, live: Live, post: Post, turn: Turn, record: TurnRecord, answer: Answer | StoreError) -> None:
        live.unanswered -= 1
        if answer is not Answer.ACCEPTED:
            error: Exception
            if answer is Answer.EXISTS:
                error = AlreadyStarted()
            elif answer is Answer.STALE:
                error = Refused("the execution has changed in the meantime")
            else:
                error = answer
            self._fail(post, error)
            self._discard(live, error)
            return
        try:
            self._outside.committed(live, turn, record)
        except Exception:
            logger.exception("a defect after a turn of the execution with the key %d", live.key)
        self._answer(live, post, turn)
        if not live.unanswered:
            waiting, live.after_commit = live.after_commit, []
            for stale in waiting:
                self._answer(live, stale, None)
        self._set_going(live, turn.more)
        self._rest(live)

    def _discard(self, live: Live, error: Exception) -> None:
        """Forget an execution whose frames in memory are not what the store holds."""
        if live.discarded:
            return
        live.discarded = True
        live.pumping = False
        del self._live[live.key]
        self._idle.take(live.key)
        for post in (*live.after_commit, *live.inbox):
            self._fail(post, error)
        live.after_commit.clear()
        live.inbox.clear()
        if live.clock is not None and not self._winding_down:  # no timer on the real clock will set it going again
            asyncio.get_running_loop().call_later(_PAUSE, self.wake, live.key)

    def _fail(self, post: Post, error: Exception) -> None:
        if post.reply is not None and not post.reply.done():
            post.reply.set_exception(error)
        elif post.reply is None and isinstance(post.stimulus, TimerFired | Continue):
            logger.warning("a %s could not be taken in and is tried again: %s", type(post.stimulus).__name__, error)

    def _rest(self, live: Live) -> None:
        """Keep an execution to which nothing is happening among the idle ones, or let it go."""
        if live.discarded or live.pumping or live.inbox or live.unanswered or self._live.get(live.key) is not live:
            return
        assert live.execution is not None
        if live.execution.status != "RUNNING":
            self._live.pop(live.key, None)
            return
        gone = self._idle.keep(live, self._clock.now())
        if gone is not None:
            self._live.pop(gone, None)

    # -- what nobody asks for

    def _set_going(self, live: Live, more: bool = False) -> None:
        """Go on with what a turn has left, or let a virtual clock jump to the next timer. `more` says that a turn is
        committed that has left something; else this waits until none is being committed."""
        execution = live.execution
        if self._winding_down or live.discarded or execution is None or execution.status != "RUNNING":
            return
        if CONTINUE in live.timers:
            if (more or not live.unanswered) and not live.continuing:
                live.continuing = True
                self._post_timer(live, CONTINUE)
        elif live.clock is not None and live.timers and not live.inbox and self._may_jump(live):
            self._post_timer(live, min(live.timers, key=lambda name: (live.timers[name], name)))

    def _post_timer(self, live: Live, name: str) -> None:
        """Fire a timer after what is happening now."""
        post = Post(TimerFired(name), due=live.timers[name])
        asyncio.get_running_loop().call_soon(self.post, live.key, post)

    def _may_fire(self, live: Live, name: str) -> bool:
        return live.clock is None or name == CONTINUE or self._may_jump(live)

    def _may_jump(self, live: Live) -> bool:
        """Whether nothing can happen before the next timer of a virtual clock: no turn is being committed, and no task
        is being worked on or about to be. What only a token can end, and an activity that no worker has claimed or
        waits for, hold the clock only where the execution was started so."""
        if live.unanswered or self._outside.is_working(live.key):
            return False
        assert live.execution is not None
        execution = live.execution
        return not any(self._holds(live, execution, execution.frames[path]) for path in execution.open)

    def _holds(self, live: Live, execution: Execution, frame: Frame) -> bool:
        if frame.doing != "task":
            return frame.doing == "mapRun"
        if live.identity is not None and live.identity.tokens_hold_clock:
            return True
        state = frame.program.states[frame.state]
        assert isinstance(state, Task)
        if state.resource.kind == "activity":
            if self._outside.answers_activity(execution, state.name):
                return not frame.claimed  # once it is claimed, no worker holds it, and none ever will
            return frame.claimed or self._outside.is_about_to_claim(live.key, state.resource.arn)
        return not frame.submitted or frame.child != ""
