"""A simulated world: the real server on the real store, on a simulated disk, clock and surroundings.

Rules that must stay true here:
- One seed decides everything: what is run, every interleaving, every fault. The same seed gives the same steps.
- After every write the log is audited, after every crash all of it; and every party looks at what is its own.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from stepwell.store.protocol import StoreError
from stepwell.store.sqlite.store import SqliteStore
from tests.simulation.agenda import Agenda
from tests.simulation.audit import Audit, Broken, now
from tests.simulation.chance import ruled_by, stream
from tests.simulation.conditions import conditions_of, stopwatch
from tests.simulation.disk import Crash, Disk
from tests.simulation.exchange import Exchange
from tests.simulation.loop import SimulatedLoop
from tests.simulation.outside import ON_PURPOSE, Objects, Outside
from tests.simulation.parties.all import parties_of
from tests.simulation.parties.party import Scene
from tests.simulation.parties.workers import Telephone
from tests.simulation.plan import Plan
from tests.simulation.refresher import Refresher
from tests.simulation.server import Server
from tests.simulation.times import DAY, Times
from tests.simulation.values import GIVEN
from tests.simulation.weather import Weather

_STEPS: Final = 400_000
_LONG_AGO: Final = 40 * DAY  # by then everything has ended
_EFFECTS: Final = ("task", "message", "express", "mapRun")


@dataclass
class Outcomes:
    """How a run has ended. `ends` is what has to be the same without faults; `trace` names all that has happened."""

    ends: Mapping[str, Any] = field(default_factory=dict)
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
        self._chance = chance = stream(seed, "interleaving")
        self._entropy = stream(seed, "entropy")
        self._conditions = conditions_of(stream(seed, "conditions"), plan)
        self._trace = hashlib.sha256()
        self.agenda = Agenda(chance)
        self.times = Times(self.agenda)
        self.weather = Weather(stream(seed, "weather"), calm=calm)
        self.audit = Audit()
        if self._conditions.secretive:
            self.audit.secret = GIVEN["text"]
        self._exchange = Exchange(self.agenda, self._note)
        scene = Scene(self.agenda, self._exchange, self.audit, self.times, chance, calm)
        outside, telephone, refresher = stream(seed, "outside"), Telephone(scene), Refresher(self.times)
        self.outside = Outside(self.agenda, outside, self.audit, telephone, refresher, calm=calm)
        self._objects = Objects()
        self.disk = Disk(folder, stream(seed, "disk"), self.weather, self._committed)
        secretive = self._conditions.secretive
        self._parties = parties_of(scene, plan, self.outside, self.disk, secretive=secretive)
        self._server: Server | None = None  # None while it is down
        self._loop: SimulatedLoop | None = None
        self._audited: SqliteStore | None = None
        self._graves: list[SimulatedLoop] = []
        self._doomed: BaseException | None = None
        self._watching = True
        self._ending = False  # the server is being stopped
        self._gave_up = False  # the server could not be started
        self._asked = (0, -1.0)  # at how many commits, and when, it was asked whether all is over

    # -- a run

    def run(self) -> Outcomes:
        """Live through it all. Raises Broken."""
        watch = _Watch(self._folder, self._told)
        logger = logging.getLogger("stepwell")
        logger.addHandler(watch)
        before, logger.propagate = logger.propagate, False
        try:
            hurried = self._conditions.hurried
            timed = stopwatch(stream(self.seed, "stopwatch"), self.times.monotonic, hurried=hurried)
            ruled = ruled_by(self._entropy, self.times.monotonic, timed, self.times.wall_ns)
            with ruled, self._conditions.hold():
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
        for party in self._parties:
            party.begin()
        while not self._is_over():
            self._step()
        self._finish()

    def _is_over(self) -> bool:
        if self.agenda.now > _LONG_AGO or self.outcomes.steps > _STEPS:
            running = [known.row.new.arn for known in self.audit.known.values() if not known.ended]
            busy = [type(party).__name__ for party in self._parties if party.busy]
            raise Broken(f"it does not come to an end: {busy} wait, {running} run")
        moment = (self.outcomes.commits, self.agenda.now)
        if self._server is None or moment == self._asked:
            return False
        self._asked = moment
        if any(not known.ended for known in self.audit.known.values()):
            return False
        assert self._audited is not None
        if any(now(self._audited.outbox(kind, (0, -1), 1)) for kind in _EFFECTS):
            return False
        return not any(party.busy for party in self._parties)

    def _step(self) -> None:
        """The least that can happen."""
        self.outcomes.steps += 1
        try:
            if self._gave_up:
                raise Crash
            if self._server is not None:
                if jump := self.weather.clock_jump():
                    self.times.set_by(jump)
                    self._note("jump", jump)
                if self.weather.strikes():
                    raise Crash
                if not self._ending and self.weather.restarts():
                    self._restart(self._server)
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
        doomed = self._doomed or self._exchange.doomed
        if doomed is not None:
            raise doomed

    def _finish(self) -> None:
        self.audit.look_at_all()
        if self._conditions.noticed:
            self.audit.check_notices()
        self.outcomes.ends = {name: end for party in self._parties for name, end in party.finish().items()}

    # -- the lives of the server

    def _begin_life(self) -> None:
        if self._loop is not None:
            self._loop.__exit__()
        loop = self._loop = SimulatedLoop(self.agenda, self._chance, self._told)
        loop.__enter__()
        store = self.disk.open(loop)
        self.audit.store = self._audited = self.disk.audit()
        self._look_at_all()
        task = loop.create_task(self._serve(store, loop))
        task.add_done_callback(lambda task: task.cancelled() or task.exception())

    def _look_at_all(self) -> None:
        self.audit.look_at_all()
        for party in self._parties:
            party.look()

    async def _serve(self, store: SqliteStore, loop: SimulatedLoop) -> None:
        server = Server(store, self.plan, self._conditions, self.outside, self._objects, self.times)
        try:
            await server.start()
        except StoreError:
            self._gave_up = True  # whoever watches over it starts it again
        else:
            self._server = server
            self._exchange.connect(server, loop)

    def _crash(self) -> None:
        self.outcomes.crashes += 1
        self._note("crash")
        assert self._audited is not None
        self._end_life()
        self.disk.crash(self._audited)
        self._begin_anew()

    def _restart(self, server: Server) -> None:
        """Stop the server in order, and start it again."""
        self._ending = True
        loop = self._loop
        assert loop is not None
        task = loop.create_task(server.stop(self.weather.grace()))
        task.add_done_callback(lambda task: self._stopped(loop, task))

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
        self._begin_anew()

    def _end_life(self) -> None:
        assert self._loop is not None
        self._loop.die()
        self._graves.append(self._loop)
        self._server, self._ending, self._gave_up = None, False, False
        self._exchange.disconnect()
        self.times.life_ends()
        self.outside.crashed()

    def _begin_anew(self) -> None:
        """Whoever waits for an answer gets none; another server is started."""
        self._exchange.hang_up()
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
        for party in self._parties:
            party.look()

    def _note(self, *what: object) -> None:
        self._trace.update(repr((round(self.agenda.now, 6), what)).encode())

    def _told(self, message: str, error: BaseException | None) -> None:
        """Something that nobody has expected was logged, or left behind."""
        if not self._watching:
            return
        if isinstance(error, Broken):
            self._doomed = self._doomed or error
        elif not (str(error) == ON_PURPOSE or (error is None and message.endswith(": RuntimeError"))):
            self._doomed = self._doomed or Broken(f"{message}: {error!r}")


class _Watch(logging.Handler):
    """Hears what the engine logs as an error: there is to be none but those of the disk."""

    def __init__(self, folder: Path, told: Callable[[str, BaseException | None], None]) -> None:
        super().__init__(logging.ERROR)
        self._folder = str(folder)
        self._told = told

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or self._folder not in record.getMessage():  # that the disk has failed is to be told
            self._told(record.getMessage(), record.exc_info[1] if record.exc_info else None)
