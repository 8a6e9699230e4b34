"""The crash matrix of a machine: run it, kill the server before and after every commit in turn, and compare the ends.

Rules that must stay true here:
- Each crash is followed by another server on the same file, and the client asks again where it had no answer: what is
  compared is what a user would have found.
- All runs begin at the same time by a virtual clock, under the same name. What differs between two runs without a crash
  (an id, a random number) is not compared.
- Every run begins with the same memory, in a copy of this process: what handlers have changed in another run is not
  there. Within a run it is: it stands for what is outside of the server, and outlives it.
- Nothing is called by accident: tasks go to the app's functions and to mocks, as in a test.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final, TypeAlias

from stepwell.api.arns import execution_arn
from stepwell.api.context import open_context
from stepwell.app import Stepwell
from stepwell.assembly import BoundMachine, deploy, load_app
from stepwell.engine.engine import Engine
from stepwell.engine.errors import ExecutionAlreadyExists
from stepwell.engine.requests import StartRequest
from stepwell.language.values import Json
from stepwell.store.open import open_store
from stepwell.store.protocol import ActivityRow, Store
from stepwell.tasks.mock import MockConfig, MockDispatcher
from stepwell.testing.chaos_report import Chaos, End, Lived
from stepwell.testing.copies import in_a_copy
from stepwell.testing.definition import PLACE, Definition, bind, find_definition
from stepwell.testing.embedded import activities_of, make_mocks
from stepwell.testing.mocks import Answered, Mock, Mocks, TestFault
from stepwell.testing.mortal import MortalStore, Point, Witness

Progress: TypeAlias = Callable[[int, int], None]
"""Told how many crash points are done, and how many there are."""

_NAME: Final = "chaos"
_LIVES: Final = 3  # a server that is not killed needs one


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """What is run. `config` are mocks as Step Functions Local reads them, of which `test_case` is used; `most` is how
    many crash points are tried, spread evenly over all that there are. `seconds` of real time is how long one run may
    take. For the rest see `stepwell.testing.run`."""

    definition: Definition
    input: str = "{}"
    mocks: Mapping[str, Mock] = field(default_factory=dict)
    app: Stepwell | str | None = None
    name: str | None = None
    machines: Mapping[str, Definition] = field(default_factory=dict)
    substitutions: Mapping[str, str] = field(default_factory=dict)
    config: MockConfig | None = None
    test_case: str | None = None
    most: int = 200
    seconds: float = 30.0
    folder: Path = field(default_factory=Path.cwd)

    @property
    def machine_name(self) -> str:
        """The name of the machine that is run. Raises TestFault."""
        return find_definition(self.definition, self.name, self.loaded_app, self.folder).name

    @cached_property
    def loaded_app(self) -> Stepwell:
        return (load_app(self.app) if isinstance(self.app, str) else self.app) or Stepwell()

    def __call__(self, progress: Progress = lambda done, of: None) -> Chaos:
        """Live through all of it. Raises TestFault, and what an assertion in a mock raised; also inside of a running
        loop."""
        with tempfile.TemporaryDirectory(prefix="stepwell-chaos-") as folder:
            return _Runs(self, Path(folder)).all(progress)


class _Runs:
    """One matrix under way, with its files in `folder`."""

    def __init__(self, matrix: Matrix, folder: Path) -> None:
        self._matrix = matrix
        self._folder = folder
        self._app = matrix.loaded_app
        self._machines = _bound(matrix, self._app)
        self._clock = time.time_ns() // 1_000_000

    def all(self, progress: Progress) -> Chaos:
        _apart(self._prepare())
        expected, again = self._copy(None), self._copy(None)
        points = _spread([Point(when, n + 1) for n in range(expected.writes) for when in _WHENS], self._matrix.most)
        lived = []
        for done, point in enumerate(points):
            progress(done, len(points))
            lived.append(self._copy(point))
        progress(len(points), len(points))
        return Chaos(expected=expected.end, again=again.end, commits=expected.writes, lived=lived)

    async def _prepare(self) -> None:
        """The database that every run begins with: the machines, and nothing else."""
        store = await open_store(str(self._folder / "empty.db"))
        try:
            await deploy(self._machines, await open_context(Engine(store, self._mocks(_Memory()))))
            for arn in {arn for bound in self._machines for arn in activities_of(bound.definition)}:
                await store.create_activity(ActivityRow(arn, arn.rsplit(":", 1)[1], 0), {})
        finally:
            await store.close()

    def _copy(self, point: Point | None) -> Lived:
        return in_a_copy(partial(self._live, point))

    def _live(self, point: Point | None) -> Lived:
        """Run the machine to its end, with a server that dies at the point, and another after it."""
        path = self._folder / "run.db"
        for leftover in self._folder.glob("run.db*"):
            leftover.unlink()
        shutil.copyfile(self._folder / "empty.db", path)
        memory = _Memory()
        for _ in range(_LIVES):
            end = _apart(self._life(path, point, memory))
            if end is not None:
                return Lived(point=memory.died, end=end, writes=memory.writes, runs=memory.runs, states=memory.states)
            point = None
        raise AssertionError("a server that is not killed has not come to an end")

    async def _life(self, path: Path, point: Point | None, memory: _Memory) -> End | None:
        """One server: how the execution ended, or None where the server was killed before."""
        mocks = self._mocks(memory)
        found = await open_store(str(path))
        store, mortal = MortalStore.before(found, point)
        dispatcher = mocks if self._matrix.config is None else MockDispatcher(self._matrix.config, mocks)
        engine = Engine(store, Witness(dispatcher, memory.runs, memory.states))
        try:
            ending = asyncio.ensure_future(self._end(engine))
            dying = asyncio.ensure_future(mortal.dead.wait())
            faulted = asyncio.ensure_future(mocks.faulted.wait())
            watched = (ending, dying, faulted)
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED, timeout=self._matrix.seconds)
            memory.writes += len(mortal.writes)
            if mocks.fault is not None:
                raise mocks.fault
            if mortal.dead.is_set():
                assert point is not None
                memory.died = Point(point.when, point.write, mortal.writes[-1])
                return None
            if not ending.done():
                raise TestFault(f"The execution still runs after {self._matrix.seconds:g} s of real time.")
            return ending.result()
        finally:
            mortal.dead.set()  # whatever happened: from here on nothing is written
            await _kill()
            await mocks.stop(0)
            await found.close()

    async def _end(self, engine: Engine) -> End:
        await engine.start()
        machine = await engine.store.find_machine(PLACE.machine_arn(self._machines[0].machine.name))
        assert machine is not None
        arn = execution_arn(machine.arn, _NAME)
        request = StartRequest(
            machine=machine,
            arn=arn,
            name=_NAME,
            input=self._matrix.input,
            clock=self._clock,
            test_case=self._matrix.test_case,
        )
        with suppress(ExecutionAlreadyExists):  # it had ended before the server died
            await engine.start_execution(request)
        await engine.wait_for_end(arn, self._matrix.seconds)
        return await _ended(engine.store, arn)

    def _mocks(self, memory: _Memory) -> Mocks:
        matrix = self._matrix
        return make_mocks(matrix.mocks, self._app, len(self._machines) > 1, answered=memory.answered)


@dataclass
class _Memory:
    """What is outside of the server, and outlives it. `died` is where it was killed."""

    runs: Counter[str] = field(default_factory=Counter)
    states: dict[str, str] = field(default_factory=dict)
    answered: Answered = field(default_factory=dict)
    died: Point | None = None
    writes: int = 0


_WHENS: Final = ("before", "after")


def _bound(matrix: Matrix, app: Stepwell) -> list[BoundMachine]:
    """The machine that is run, and those that it may start. Raises TestFault."""
    source = find_definition(matrix.definition, matrix.name, app, matrix.folder)
    main = bind(source, app, matrix.substitutions)
    others = dict(matrix.machines)
    if "states:startExecution" in main.definition:
        others = {**{name: name for name in app.machines if name != main.machine.name}, **others}
    return [
        main,
        *(
            bind(find_definition(other, name, app, matrix.folder), app, matrix.substitutions)
            for name, other in others.items()
        ),
    ]


def _spread(points: Sequence[Point], most: int) -> list[Point]:
    """At most so many of them, the first and the last among them."""
    if len(points) <= most:
        return list(points)
    return [points[index * (len(points) - 1) // max(most - 1, 1)] for index in range(most)]


def _apart(work: Any) -> Any:
    """Carry work out on a loop of its own, which ends with it."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def _kill() -> None:
    """End everything else that runs on this loop."""
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _ended(store: Store, arn: str) -> End:
    row = await store.find_execution(arn)
    assert row is not None
    output: Json = None if row.change.output is None else json.loads(row.change.output)
    return End(row.change.status, output, row.change.error, row.change.cause)
