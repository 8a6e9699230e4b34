"""A simulated world: the real engine on the real store, on a simulated disk, clock and surroundings.

Rules that must stay true here:
- One seed decides everything: what is run, every interleaving, every fault. The same seed gives the same steps.
- Whoever calls the server lives on when it dies: a call that was not answered is made again.
- After every write the log is audited, after every crash all of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from stepwell.engine.clock import SystemClock
from stepwell.engine.dispatch import Failed, Outcome, Succeeded
from stepwell.engine.engine import Engine
from stepwell.engine.errors import (
    ExecutionAlreadyExists,
    ExecutionDoesNotExist,
    ExecutionNotRedrivable,
    Stopping,
    TaskDoesNotExist,
    TaskTimedOut,
    TooManyExecutions,
)
from stepwell.engine.programs import definition_hash
from stepwell.engine.requests import StartRequest
from stepwell.engine.tokens import open_token
from stepwell.machine.history import Event
from stepwell.store.protocol import ActivityRow, ExecutionRow, MachineRow, StoreError
from stepwell.store.sqlite.store import SqliteStore
from stepwell.vault.vault import Vault
from tests.simulation.agenda import Agenda
from tests.simulation.audit import Audit, Broken, now
from tests.simulation.chance import ruled_by, stream
from tests.simulation.conditions import EveryNotice, FixedKeys, conditions_of, stopwatch
from tests.simulation.definitions import ARN, ROLE
from tests.simulation.disk import Crash, Disk
from tests.simulation.loop import SimulatedLoop
from tests.simulation.outside import ON_PURPOSE, Objects, Outside, script_of
from tests.simulation.plan import GIVEN, Plan, Start
from tests.simulation.weather import Weather

BEGIN: Final = 1_704_067_200_000_000_000  # nanoseconds since 1970: some seconds before `INPUT["when"]`
_STEPS: Final = 150_000
_LONG_AGO: Final = 40 * 86_400.0  # seconds: by then everything has ended
_AGAIN: Final = 0.5  # seconds until a call is made again
_ACTIVITY_WAIT: Final = 60.0


@dataclass
class Call:
    """A request that the server has not answered."""

    then: Callable[[Any], None]


class Lost(Exception):
    """The server has died, or is not there: nobody knows whether the call was carried out."""


@dataclass
class Outcomes:
    """How a run has ended. `ends` are the executions' ends by name, `trace` names all that has happened."""

    ends: dict[str, tuple[str, str | None, str | None]] = field(default_factory=dict)
    trace: str = ""
    steps: int = 0
    crashes: int = 0
    commits: int = 0
    refused: int = 0
    torn: int = 0
    restarts: int = 0
    seconds: float = 0.0


class World:
    def __init__(self, seed: int, plan: Plan, folder: Path, *, calm: bool = False) -> None:
        """`calm`: nothing goes wrong, and nobody is in the way of anybody."""
        self.seed = seed
        self.plan = plan
        self.outcomes = Outcomes()
        self._folder = folder
        chance = stream(seed, "interleaving")
        self._chance = chance
        self._entropy = stream(seed, "entropy")
        self._conditions = conditions_of(stream(seed, "conditions"), steady=plan.steady)
        self.agenda = Agenda(chance)
        self.weather = Weather(stream(seed, "weather"), calm=calm)
        self.audit = Audit()
        if self._conditions.secretive:
            self.audit.secret = GIVEN["text"]
        self.outside = Outside(self.agenda, stream(seed, "outside"), self.audit, self, calm=calm)
        self._objects = Objects()
        self.disk = Disk(folder, stream(seed, "disk"), self.weather, self._committed)
        self._trace = hashlib.sha256()
        self._calls: dict[int, Call] = {}
        self._count = 0
        self._engine: Engine | None = None  # None while it is down
        self._loop: SimulatedLoop | None = None
        self._audited: SqliteStore | None = None
        self._graves: list[SimulatedLoop] = []
        self._machines: dict[str, MachineRow] = {}
        self._open = len(plan.starts)  # clients that are not done
        self._arns: dict[str, str] = {}  # of executions that were started, by name
        self._doomed: BaseException | None = None
        self._watching = True
        self._ending = False  # the server is being stopped

    # -- a run

    def run(self) -> Outcomes:
        """Live through it all. Raises Broken."""
        watch = _Watch(self._folder, self._told)
        logger = logging.getLogger("stepwell")
        logger.addHandler(watch)
        before, logger.propagate = logger.propagate, False
        try:
            timed = stopwatch(stream(self.seed, "stopwatch"), self._monotonic, hurried=self._conditions.hurried)
            with ruled_by(self._entropy, self._monotonic, timed, self._wall), self._conditions.hold():
                self._live()
        finally:
            self._watching = False
            if self._loop is not None:
                self._loop.__exit__()
            for loop in (*self._graves, self._loop):
                if loop is not None:
                    loop.die()
                    loop.bury()
            logger.removeHandler(watch)
            logger.propagate = before
            if self._audited is not None and self.disk.life is not None:
                self.disk.abandon(self._audited)
        self.outcomes.trace = self._trace.hexdigest()
        self.outcomes.seconds = self.agenda.now
        self.outcomes.torn, self.outcomes.refused = self.weather.torn, self.weather.refused
        return self.outcomes

    def _live(self) -> None:
        self._begin_life()
        for start in self.plan.starts:
            self.agenda.at(start.at, lambda start=start: self._client(start))  # type: ignore[misc]
        for behaviour in self.plan.workers:
            self.agenda.at(0, lambda behaviour=behaviour: self._poll(behaviour))  # type: ignore[misc]
        while not self._is_over():
            self._step()
        self._finish()

    def _is_over(self) -> bool:
        if self.agenda.now > _LONG_AGO or self.outcomes.steps > _STEPS:
            running = [known.row.new.arn for known in self.audit.known.values() if not known.ended]
            raise Broken(f"it does not come to an end: {self._open} clients wait, {running} run")
        if self._open or self._engine is None:
            return False
        if any(not known.ended for known in self.audit.known.values()):
            return False
        assert self._audited is not None
        return not any(now(self._audited.outbox(kind, (0, -1), 1)) for kind in ("task", "message", "express", "mapRun"))

    def _step(self) -> None:
        """The least that can happen."""
        self.outcomes.steps += 1
        try:
            if self._engine is not None:
                jump = self.weather.clock_jump()
                self._note("jump", jump) if jump else None
                if self.weather.strikes():
                    raise Crash
                if not self._ending and self.weather.restarts():
                    self._restart()
            loop = self._loop
            assert loop is not None
            if not loop.idle and self._chance.random() < 0.7:
                loop.run_one()
            elif (act := self.agenda.take()) is not None:
                act()
            elif not loop.idle:
                loop.run_one()
            elif not self.agenda.pass_time():
                raise Broken("nothing is left to happen")
        except Crash:
            self._crash()
        if self._doomed is not None:
            raise self._doomed

    def _finish(self) -> None:
        self.audit.look_at_all()
        if self._conditions.noticed:
            self.audit.check_notices()
        for start in self.plan.starts:
            known = self.audit.find(self._arns.get(start.name, start.arn))
            if known is not None:
                change = known.row.change
                self.outcomes.ends[start.name] = (change.status, change.output, change.error)

    # -- the lives of the server

    def _begin_life(self) -> None:
        if self._loop is not None:
            self._loop.__exit__()
        loop = self._loop = SimulatedLoop(self.agenda, self._chance, self._told)
        loop.__enter__()
        store = self.disk.open(loop)
        self.audit.store = self._audited = self.disk.audit()
        self.audit.look_at_all()
        task = loop.create_task(self._serve(store))
        task.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _serve(self, store: SqliteStore) -> None:
        while True:
            try:
                for name, type_, definition, configuration in self.plan.machines:
                    self._machines[name] = await _deploy(store, name, type_, definition, configuration)
                for behaviour in self.plan.workers:
                    arn = f"{ARN}activity:{behaviour}"
                    await store.create_activity(ActivityRow(arn, behaviour, 0), {})
                break
            except StoreError:
                await asyncio.sleep(_AGAIN)
        clock = SystemClock(self._wall, lambda: int(self.agenda.now * 1e9))
        engine = Engine(
            store,
            self.outside,
            self._conditions.settings,
            clock,
            self._objects,
            vault=Vault(FixedKeys()),
            notices=EveryNotice() if self._conditions.noticed else None,
        )
        try:
            await engine.start()
        except StoreError as error:
            raise Broken(f"the engine does not start: {error}") from error
        self._engine = engine

    def _crash(self) -> None:
        self.outcomes.crashes += 1
        self._note("crash")
        assert self._audited is not None
        self._end_life()
        self.disk.crash(self._audited)
        self._hang_up()

    def _restart(self) -> None:
        """Stop the server in order, and start it again."""
        self._ending = True
        engine, loop = self._engine, self._loop
        assert engine is not None
        assert loop is not None
        task = loop.create_task(self._stop(engine))
        task.add_done_callback(lambda task: self._stopped(loop, task))

    async def _stop(self, engine: Engine) -> None:
        await engine.stop(self.weather.grace())
        await engine.store.close()

    def _stopped(self, loop: SimulatedLoop, task: asyncio.Task[None]) -> None:
        if task.cancelled() or loop is not self._loop:
            return
        if error := task.exception():
            self._doomed = self._doomed or Broken(f"the server does not stop: {error!r}")
            return
        self._note("restart")
        self.outcomes.restarts += 1
        assert self._audited is not None
        self._end_life()
        self.disk.closed(self._audited)
        self._hang_up()

    def _end_life(self) -> None:
        assert self._loop is not None
        self._loop.die()
        self._graves.append(self._loop)
        self._engine, self._ending = None, False
        self.outside.crashed()

    def _hang_up(self) -> None:
        """Whoever waits for an answer gets none; another server is started."""
        calls, self._calls = self._calls, {}
        for call in calls.values():
            self.agenda.after(0, lambda call=call: call.then(Lost()))  # type: ignore[misc]
        self.agenda.now += self.weather.downtime()
        self._begin_life()

    def _committed(self, keys: set[int]) -> None:
        self.outcomes.commits += 1
        self.audit.look(keys)
        for key in sorted(keys):
            known = self.audit.known.get(key)
            if known is None:
                continue  # refused
            self._note("commit", key, known.row.version, known.row.change, len(known.records))
            self._trace.update(known.records[-1].data if known.records else b"")

    def _monotonic(self) -> float:
        return self.agenda.now

    def _note(self, *what: object) -> None:
        self._trace.update(repr((round(self.agenda.now, 6), what)).encode())

    def _wall(self) -> int:
        return BEGIN + int(self.agenda.now * 1e9) + self.weather.set_forward * 1_000_000_000

    def _told(self, message: str, error: BaseException | None) -> None:
        """Something that nobody has expected was logged, or left behind."""
        if not self._watching:
            return
        if isinstance(error, Broken):
            self._doomed = self._doomed or error
        elif not (str(error) == ON_PURPOSE or (error is None and message.endswith(": RuntimeError"))):
            self._doomed = self._doomed or Broken(f"{message}: {error!r}")

    # -- callers

    def call(self, make: Callable[[Engine], Coroutine[Any, Any, Any]], then: Callable[[Any], None]) -> None:
        """Ask the server. `then` is told the answer, or the error: Lost, where it has died before it answered."""
        engine, loop = self._engine, self._loop
        if engine is None or loop is None:
            then(Lost())
            return
        self._count += 1
        number = self._count
        self._calls[number] = Call(then)
        task = loop.create_task(make(engine))

        def done(task: asyncio.Task[Any]) -> None:
            call = self._calls.pop(number, None)
            if call is None:
                return
            answer = Lost() if task.cancelled() else task.exception() or task.result()
            self._note("answer", number, type(answer).__name__)
            try:
                call.then(answer)
            except BaseException as error:
                self._doomed = self._doomed or error

        task.add_done_callback(done)

    def _client(self, start: Start) -> None:
        """Starts an execution, until it is answered."""
        machine = self._machines.get(start.machine)
        if machine is None:
            self.agenda.after(_AGAIN, lambda: self._client(start))
            return
        arn = start.arn
        if machine.type == "EXPRESS":  # each call starts another
            self._count += 1
            arn = f"{ARN}express:{start.machine}:{start.name}:{self._count}"
        request = StartRequest(
            machine=machine,
            arn=arn,
            name=start.name,
            input=json.dumps(start.input),
            virtual=start.virtual,
            tokens_hold_clock=start.virtual and self.plan.steady,
        )

        def answered(answer: Any) -> None:
            if isinstance(answer, ExecutionAlreadyExists | TooManyExecutions) or not isinstance(answer, Exception):
                if isinstance(answer, ExecutionRow):  # it has ended, and is only kept where it is logged
                    change = answer.change
                    self.outcomes.ends[start.name] = (change.status, change.output, change.error)
                elif not isinstance(answer, Exception):
                    self._started(start, answer.arn)
                self._open -= 1
                for act in start.later:
                    self._open += 1
                    self.agenda.after(act.after, lambda act=act: self._do(start, act.what))  # type: ignore[misc]
            elif isinstance(answer, Lost | StoreError | Stopping):
                self.agenda.after(_AGAIN, lambda: self._client(start))
            else:
                raise answer

        if start.waits:
            self.call(lambda engine: engine.run_execution(request), answered)
        else:
            self.call(lambda engine: engine.start_execution(request), answered)

    def _started(self, start: Start, arn: str) -> None:
        text, secretive = json.dumps(start.input), self._conditions.secretive
        self._arns[start.name] = arn

        def holds(audit: Audit) -> bool:
            known = audit.find(arn)
            return known is not None and (secretive or known.row.new.input == text)

        self.audit.promised(f"the start of {arn}", holds)

    def _do(self, start: Start, what: str) -> None:
        """Something that a client does to an execution which it has started, until it is answered."""

        def again() -> None:
            self._do(start, what)

        def answered(answer: Any) -> None:
            if isinstance(answer, Lost | StoreError | Stopping):
                self.agenda.after(_AGAIN, again)
                return
            self._open -= 1
            if isinstance(answer, ExecutionDoesNotExist):
                if self.audit.find(start.arn) is not None:
                    raise Broken(f"{start.arn} exists, and is said not to")
            elif isinstance(answer, ExecutionNotRedrivable | ExecutionAlreadyExists):
                return
            elif isinstance(answer, Exception):
                raise answer
            else:
                self._kept(start, what, answer)

        if what == "stop":
            self.call(lambda engine: engine.stop_execution(start.arn, "Stopped", "by a client"), answered)
        elif what == "redrive":
            self.call(lambda engine: engine.redrive_execution(start.arn, "token-" + start.name), answered)
        elif what in ("update", "watch"):
            self._open -= 1
            self._look_on(start, what)
        else:
            self._open -= 1
            self._open += 1
            self._client(Start(start.machine, start.name, start.input, 0.0, start.virtual))

    def _look_on(self, start: Start, what: str) -> None:
        """Change how map runs go on, or wait for the end; whoever gets no answer to this leaves it at that."""

        def answered(answer: Any) -> None:
            if isinstance(answer, Exception) and not isinstance(answer, Lost | StoreError | Stopping):
                raise answer

        if what == "watch":
            self.call(lambda engine: engine.wait_for_end(start.arn, 30), answered)
            return
        for key, known in sorted(self.audit.known.items()):
            if ":mapRun:" in known.row.new.arn:
                self.call(lambda engine, key=key: engine.update_map_run(key, {"max_concurrency": 2}), answered)

    def _kept(self, start: Start, what: str, date: int) -> None:
        """What a client was answered is in the log."""

        def stopped(audit: Audit) -> bool:
            known = audit.find(start.arn)
            return known is not None and (known.row.change.stop_date == date or known.row.change.redrive_count > 0)

        def redriven(audit: Audit) -> bool:
            known = audit.find(start.arn)
            return known is not None and any(event.type == "ExecutionRedriven" for event in known.events)

        self.audit.promised(f"{what} of {start.arn} at {date}", stopped if what == "stop" else redriven)

    # -- workers

    def tell(self, token: str, outcome: Outcome, then: Callable[[bool], None]) -> None:
        def answered(answer: Any) -> None:
            if isinstance(answer, Lost | StoreError | Stopping):
                self.agenda.after(_AGAIN, lambda: self.tell(token, outcome, then))
            elif isinstance(answer, TaskDoesNotExist):
                raise Broken(f"{token} was handed out, and is not known")
            elif isinstance(answer, TaskTimedOut):
                then(False)
            elif isinstance(answer, Exception):
                raise answer
            else:
                self._settled(token, outcome)
                then(True)

        if isinstance(outcome, Succeeded):
            text = outcome.output
            self.call(lambda engine: engine.send_task_success(token, text), answered)
        else:
            assert isinstance(outcome, Failed)
            error, cause = outcome.error, outcome.cause
            self.call(lambda engine: engine.send_task_failure(token, error, cause), answered)

    def _settled(self, token: str, outcome: Outcome) -> None:
        """An accepted outcome is in the log."""
        key, _ = open_token(token)

        def holds(audit: Audit) -> bool:
            known = audit.known.get(key)
            return known is not None and any(_tells(event, outcome) for event in known.settled.values())

        self.audit.promised(f"{str(outcome)[:100]} for {token}", holds)

    def beat(self, token: str) -> None:
        self.call(lambda engine: engine.send_task_heartbeat(token), lambda _: None)

    def _poll(self, behaviour: str) -> None:
        """A worker of an activity."""

        def answered(answer: Any) -> None:
            if answer is not None and not isinstance(answer, Exception):
                self.outside.work_on(answer.token, script_of(behaviour, json.loads(answer.input)))
            elif isinstance(answer, Exception) and not isinstance(answer, Lost | StoreError | Stopping):
                raise answer
            self.agenda.after(self._chance.choice((0.0, 1.0, 5.0)), lambda: self._poll(behaviour))

        self.call(
            lambda engine: engine.get_activity_task(f"{ARN}activity:{behaviour}", "worker", _ACTIVITY_WAIT), answered
        )


class _Watch(logging.Handler):
    """Hears what the engine logs as an error: there is to be none but those of the disk."""

    def __init__(self, folder: Path, told: Callable[[str, BaseException | None], None]) -> None:
        super().__init__(logging.ERROR)
        self._folder = str(folder)
        self._told = told

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or self._folder not in record.getMessage():  # that the disk has failed is to be told
            self._told(record.getMessage(), record.exc_info[1] if record.exc_info else None)


def _tells(event: Event, outcome: Outcome) -> bool:
    """Whether an event is that of an outcome; one that is too large becomes an error."""
    if isinstance(outcome, Succeeded):
        return event.details.get("output") == outcome.output or event.details.get("error") == "States.DataLimitExceeded"
    return isinstance(outcome, Failed) and event.details.get("error") == outcome.error


async def _deploy(store: SqliteStore, name: str, type_: str, definition: str, configuration: str) -> MachineRow:
    arn = f"{ARN}stateMachine:{name}"
    found = await store.find_machine(arn)
    if found is not None:
        return found
    row = MachineRow(
        arn=arn,
        name=name,
        type=type_,
        status="ACTIVE",
        definition_hash=definition_hash(definition),
        role_arn=ROLE,
        creation_date=1000,
        update_date=1000,
        revision_id="r1",
        configuration=configuration,
    )
    made = await store.create_machine(row, definition, {})
    assert made is not None
    return made
