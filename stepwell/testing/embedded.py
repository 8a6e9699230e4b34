"""Runs one execution of a definition, embedded: an engine of its own, a store in memory, mocks for its tasks.

Rules that must stay true here:
- The execution goes through the engine that a server runs: nothing about it is simulated but time and the tasks.
- What was started ends with the run, also where the test is wrong.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stepwell.api.arns import execution_arn
from stepwell.api.context import open_context
from stepwell.api.operations.history import answered_event
from stepwell.app import Stepwell
from stepwell.assembly import BoundMachine, deploy, function_of, load_app
from stepwell.engine.engine import Engine
from stepwell.engine.requests import StartRequest
from stepwell.language.definition import compile_definition
from stepwell.language.model import Resource, Task
from stepwell.store.open import open_store
from stepwell.store.protocol import ActivityRow, ExecutionRow
from stepwell.tasks.dispatcher import TaskDispatcher
from stepwell.testing.coverage import Coverage, states_of
from stepwell.testing.definition import PLACE, Definition, bind, find_definition
from stepwell.testing.in_process import InProcess
from stepwell.testing.mocks import Answered, Mock, Mocks, Script, TestFault
from stepwell.testing.result import Result
from stepwell.testing.trail import Event, read_trail

_PAGE = 1_000


@dataclass(frozen=True, kw_only=True)
class Run:
    """One execution to run. `start` is when it starts, in milliseconds since 1970: None is now. `machines` are others
    that it may start, by name. `seconds` of real time is how long it may take."""

    definition: Definition
    input: str = "{}"
    mocks: Mapping[str, Mock] = field(default_factory=dict)
    app: Stepwell | str | None = None
    name: str | None = None
    machines: Mapping[str, Definition] = field(default_factory=dict)
    substitutions: Mapping[str, str] = field(default_factory=dict)
    virtual: bool = True
    start: int | None = None
    seconds: float = 30.0
    folder: Path = field(default_factory=Path.cwd)
    coverage: Coverage | None = None

    def __call__(self) -> Result:
        """Run it to its end. Raises TestFault, and what a mock's assertion raised; also inside of a running loop."""
        return self.embedded()()

    def embedded(self, script: Callable[[str], Script] | None = None) -> Embedded:
        """The run, made ready; `script` makes one of the definition that is run. Raises TestFault."""
        app = load_app(self.app) if isinstance(self.app, str) else self.app
        source = find_definition(self.definition, self.name, app, self.folder)
        main = bind(source, app, self.substitutions)
        others = [
            bind(find_definition(other, name, app, self.folder), app, self.substitutions)
            for name, other in self.machines.items()
        ]
        return Embedded(self, app or Stepwell(), [main, *others], script and script(main.definition))


class Embedded:
    """`result` is what the execution had come to where the run ends with a fault."""

    result: Result | None = None

    def __init__(self, run: Run, app: Stepwell, machines: Sequence[BoundMachine], script: Script | None) -> None:
        """The first of the `machines` is run."""
        self._run = run
        self._machines = machines
        self._mocks = make_mocks(run.mocks, app, len(machines) > 1, script)
        self._coverage = run.coverage or Coverage()

    def __call__(self) -> Result:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self._execute_all())
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, self._execute_all()).result()

    async def _execute_all(self) -> Result:
        store = await open_store(":memory:")
        try:
            names = {bound.definition: bound.machine.name for bound in self._machines}
            engine = Engine(store, self._mocks, compile=self._coverage.compile(names))
            await deploy(self._machines, await open_context(engine))
            for arn in {arn for bound in self._machines for arn in activities_of(bound.definition)}:
                await store.create_activity(ActivityRow(arn, arn.rsplit(":", 1)[1], 0), {})
            await engine.start()
            try:
                return await self._result(engine, await self._execute(engine))
            finally:
                await engine.stop(0)
        finally:
            await store.close()

    async def _execute(self, engine: Engine) -> ExecutionRow:
        machine = await engine.store.find_machine(PLACE.machine_arn(self._machines[0].machine.name))
        assert machine is not None
        name = str(uuid.uuid4())
        arn = execution_arn(machine.arn, name)
        run = self._run
        await engine.start_execution(
            StartRequest(
                machine=machine,
                arn=arn,
                name=name,
                input=run.input,
                virtual=run.virtual and run.start is None,
                clock=run.start if run.virtual else None,
            )
        )
        end = asyncio.ensure_future(engine.wait_for_end(arn, run.seconds))
        faulted = asyncio.ensure_future(self._mocks.faulted.wait())
        await asyncio.wait([end, faulted], return_when=asyncio.FIRST_COMPLETED)
        for future in (end, faulted):
            future.cancel()
        row = await engine.store.find_execution(arn)
        assert row is not None
        fault = self._mocks.fault
        if fault is None and row.change.status == "RUNNING":
            fault = TestFault(f"The execution still runs after {run.seconds:g} s of real time.")
        if fault is not None:
            self.result = await self._result(engine, row)
            fault.add_note(f"Its path so far: {' → '.join(self.result.path)}")
            raise fault
        return row

    async def _result(self, engine: Engine, row: ExecutionRow) -> Result:
        result = Result.of(row.change, await _events(engine, row), self._mocks.calls)
        for bound in self._machines:
            machine = await engine.store.find_machine(PLACE.machine_arn(bound.machine.name))
            assert machine is not None
            for _, found in await engine.store.list_executions(machine.id, None, None, _PAGE):
                await self._cover(engine, bound, found)
        return result

    async def _cover(self, engine: Engine, bound: BoundMachine, row: ExecutionRow) -> None:
        """Note what an execution has used, and the children of its map runs."""
        if self._run.coverage is None:
            return
        trail = read_trail(await _events(engine, row))
        self._run.coverage.add_trail(bound.machine.name, bound.definition, trail)
        for _, map_run in await engine.store.list_executions(row.new.key, None, None, _PAGE):
            after = 0
            while children := await engine.store.children(map_run.new.key, after, _PAGE):
                for child in children:
                    await self._cover(engine, bound, child)
                after = children[-1].new.key


async def _events(engine: Engine, row: ExecutionRow) -> list[Event]:
    last = row.change.last_event_id
    return [answered_event(event) for event in await engine.history(row.new.key, 1, last, False)]


def make_mocks(
    mocks: Mapping[str, Mock],
    app: Stepwell,
    nests: bool,
    script: Script | None = None,
    answered: Answered | None = None,
) -> Mocks:
    """What answers the tasks of a run: mocks, a script, and behind them the functions of the app, in this process.

    With `nests` there are machines that tasks may start. `answered` is what the mocks of an earlier server remember.
    """
    handlers = {name: function.handler for name, function in app.functions.items() if function.handler}
    others = [function_of(function) for function in app.functions.values() if not function.handler]

    def failed(fault: AssertionError) -> None:
        made.fault = made.fault or fault
        made.faulted.set()

    def reaches(resource: Resource, input: Any) -> bool:
        """Whether a task that no mock answers may be carried out: a function of the app, or a machine of the test."""
        if resource.kind == "function":
            return functions.has(resource.arn)
        if resource.service == "lambda" and isinstance(input, dict):
            return functions.has(str(input.get("FunctionName", "")))
        return resource.service == "states" and nests

    functions = InProcess(handlers, failed, others)
    made = Mocks(mocks, TaskDispatcher(functions), reaches, script, answered)
    return made


def activities_of(definition: str) -> set[str]:
    """The activities that a definition refers to: they are made, so that a mock can answer for their workers."""
    states = states_of(compile_definition(definition))
    return {state.resource.arn for _, state in states if isinstance(state, Task) and state.resource.kind == "activity"}
