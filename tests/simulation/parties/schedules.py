"""Clients that write schedules, pause and delete them; and what schedules have to start.

Rules that must stay true here:
- When something falls due is counted here anew, from the schedule as it was written.
- A due time starts one execution, never before its time, in the order of the due times where there is no window.
- None is left out, but what the schedule says: what was missed while no server ran, what came while another ran.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from msgspec.structs import replace

from stepwell.schedule.registry import ScheduleChanged
from stepwell.store.schedules import DISABLED, ENABLED, ScheduleRow
from tests.simulation.audit import Broken, Known, now
from tests.simulation.parties.party import Scene
from tests.simulation.plans.schedules import Act, SchedulePlan, Written
from tests.simulation.server import Server

_NAME: Final = re.compile(r"((?:declared|written)-\d+)-(\d{8}T\d{6}Z)-[0-9a-f]{16}")
_MISSED: Final = 60_000  # milliseconds: what is later was missed
_SLACK: Final = 15_000  # milliseconds that a slow disk may take
_MANY: Final = 1_000


@dataclass
class Life:
    """A schedule as it was when it was first seen; `runs` are the executions that it has started, by due time, in the
    order in which they began."""

    row: ScheduleRow
    runs: dict[int, Known] = field(default_factory=dict)


class ScheduleClients:
    def __init__(self, scene: Scene, plan: SchedulePlan) -> None:
        self._scene = scene
        self._plan = plan
        self._open = len(plan.written)
        self._lives: dict[str, Life] = {}  # by name
        self._seen: set[int] = set()
        self._quiet: dict[str, list[list[int]]] = defaultdict(list)  # when a schedule was paused, or deleted
        self._unsure: dict[str, list[list[int]]] = defaultdict(list)  # when it may have been

    def begin(self) -> None:
        for written in self._plan.written:
            self._scene.agenda.at(written.at, partial(self._write, written))

    @property
    def busy(self) -> bool:
        """Also while something is still to fall due, or to be started."""
        if self._open:
            return True
        store = self._scene.audit.store.schedules
        return now(store.next_moment(-1)) is not None

    # -- calls

    def _write(self, written: Written) -> None:
        async def write(server: Server) -> None:
            present = server.schedules.now()
            await server.schedules.create(replace(written.row, created=present, modified=present, anchor=present))

        def answered(answer: Any) -> None:
            if isinstance(answer, Exception):
                raise answer
            self._open -= 1
            self.look()
            for act in written.later:
                self._open += 1
                self._scene.agenda.after(act.after, partial(self._do, written.row, act))

        self._scene.exchange.insist(write, answered)

    def _do(self, row: ScheduleRow, act: Act) -> None:
        unsure = [self._scene.times.latest, 1 << 62]
        if act.what == "resume":
            for quiet in self._quiet[row.name]:
                quiet[1] = min(quiet[1], self._scene.times.wall())
        self._unsure[row.name].append(unsure)

        async def do(server: Server) -> None:
            stored = await server.schedules.store.find(row.arn)
            if stored is None:
                return  # it was done
            if act.what == "delete":
                await server.schedules.store.delete(row.arn)
                return
            state = DISABLED if act.what == "pause" else ENABLED
            await server.schedules.update(stored, replace(stored, state=state, modified=server.schedules.now()))

        def answered(answer: Any) -> None:
            self._open -= 1
            if isinstance(answer, ScheduleChanged):
                self._scene.agenda.after(0, lambda: self._do(row, act))
                self._open += 1
                return
            if isinstance(answer, Exception):
                raise answer
            present = self._scene.times.latest
            if act.what == "resume":
                for each in self._unsure[row.name]:
                    each[1] = min(each[1], present)
            else:
                self._quiet[row.name].append([present, 1 << 62])

        self._scene.exchange.insist(do, answered)

    # -- what has to hold

    def look(self) -> None:
        for row in now(self._scene.audit.store.schedules.list("", "", None, "", _MANY)):
            self._lives.setdefault(row.name, Life(row))
        for key, known in self._scene.audit.known.items():
            found = _NAME.fullmatch(known.row.new.name)
            if found is not None and key not in self._seen:
                self._seen.add(key)
                self._began(found[1], _moment(found[2]), known)
        for name, life in self._lives.items():
            running = [due for due, known in life.runs.items() if not known.ended]
            if life.row.overlap == "skip" and len(running) > 1:
                raise Broken(f"{name} leaves out what overlaps, and its runs of {running} are under way together")

    def _began(self, name: str, due: int, known: Known) -> None:
        life, new = self._lives[name], known.row.new
        if due in life.runs:
            raise Broken(f"{name} has started {life.runs[due].row.new.arn} and {new.arn} for the same time")
        if not life.row.window and any(due < other for other in life.runs):
            raise Broken(f"{name} starts the run of {due} behind that of {max(life.runs)}")
        life.runs[due] = known
        if due not in set(_due_times(life.row)):
            raise Broken(f"{name} starts a run for {due}, when nothing falls due")
        if not self._scene.times.was_set:
            if new.start_date < due:
                raise Broken(f"{name} starts the run of {due} at {new.start_date}")
            if self._scene.calm and new.start_date > due + life.row.window * 60_000 + 1_000:
                raise Broken(f"{name} starts the run of {due} at {new.start_date}, though nothing is in the way")
            if any(first < due < last for first, last in self._quiet[name]):
                raise Broken(f"{name} starts the run of {due}, when it was paused or gone")

    def finish(self) -> Mapping[str, Any]:
        if not self._scene.times.was_set:
            for name, life in self._lives.items():
                self._check_whole(name, life)
        return {}

    def _check_whole(self, name: str, life: Life) -> None:
        due_times = [due for due in _due_times(life.row) if due >= life.row.modified]
        for due in due_times:
            if due in life.runs or self._may_be_unsure(name, life, due):
                continue
            if life.row.catch_up != "all" and self._was_missed(due):
                continue
            if life.row.overlap == "skip" and self._was_covered(life, due):
                continue
            raise Broken(f"{name} has started nothing for {due}")

    def _may_be_unsure(self, name: str, life: Life, due: int) -> bool:
        """Whether it may have been paused or deleted before the run was started."""
        late = due + life.row.window * 60_000
        return any(first <= late + _SLACK * 10 and due <= last for first, last in self._unsure[name])

    def _was_missed(self, due: int) -> bool:
        """Whether no server was there in time."""
        lives = self._scene.times.lives
        return not any(
            life.began <= due and (life.ended is None or life.ended >= due + _MISSED + _SLACK) for life in lives
        )

    @staticmethod
    def _was_covered(life: Life, due: int) -> bool:
        """Whether another run was under way at some time at which this one may have been due. Within a window a later
        one may have begun before it."""
        last = due + life.row.window * 60_000 + _SLACK
        return any(
            known.row.new.start_date <= last and (known.row.change.stop_date or last) >= due
            for known in life.runs.values()
        )


def _due_times(row: ScheduleRow) -> Iterator[int]:
    """All times at which a schedule falls due."""
    if row.expression.startswith("at("):
        yield _of(datetime.strptime(row.expression, "at(%Y-%m-%dT%H:%M:%S)"))
        return
    assert row.start is not None
    assert row.end is not None
    if row.expression.startswith("rate("):
        step, due = int(row.expression[5:].split()[0]) * 1_000, row.start
    else:
        step = 60_000
        due = -(-row.start // step) * step
    while due <= row.end:
        yield due
        due += step


def _moment(text: str) -> int:
    return _of(datetime.strptime(text, "%Y%m%dT%H%M%SZ"))


def _of(moment: datetime) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp()) * 1_000
