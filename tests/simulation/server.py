"""What a process serves in a simulated world: the engine, and what stands on top of it.

Rules that must stay true here:
- It is put together as `stepwell.serve` does it, in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from stepwell.engine.clock import clock_after
from stepwell.engine.engine import Engine
from stepwell.engine.programs import definition_hash
from stepwell.jobs.jobs import Jobs
from stepwell.schedule.deploy import deploy
from stepwell.schedule.registry import Schedules
from stepwell.schedule.runner import Runner
from stepwell.schedule.starter import EngineStarter
from stepwell.store.protocol import ActivityRow, MachineRow
from stepwell.store.sqlite.store import SqliteStore
from stepwell.tasks.lambda_service import LambdaService
from stepwell.vault.vault import Vault
from tests.simulation.conditions import Conditions, EveryNotice, FixedKeys
from tests.simulation.outside import Objects, Outside
from tests.simulation.plan import Machine, Plan
from tests.simulation.plans.schedules import SCHEDULER, SchedulePlan
from tests.simulation.times import ServerClock, Times
from tests.simulation.values import ARN, ROLE, machine_arn


class Server:
    """`start` it, then ask; `stop` it in order. Where the plan has no jobs or no schedules there are none of them."""

    engine: Engine
    jobs: Jobs
    schedules: Schedules
    machines: Mapping[str, MachineRow]

    def __init__(
        self, store: SqliteStore, plan: Plan, conditions: Conditions, outside: Outside, objects: Objects, times: Times
    ) -> None:
        self._store = store
        self._plan = plan
        self._conditions = conditions
        self._outside = outside
        self._objects = objects
        self._times = times
        self._runner: Runner | None = None

    async def start(self) -> None:
        """Raises StoreError: then there is no server."""
        await self._deploy()
        self._clock = await clock_after(self._store, ServerClock(self._times))
        self.engine = self._make_engine()
        if self._plan.jobs is not None:
            types = {type_.name: type_ for type_ in self._plan.jobs.types}
            self.jobs = Jobs(self.engine, types, machine_arn, self._clock.now)
            await self.jobs.start()
        await self.engine.start()
        if self._plan.jobs is not None:
            self.jobs.serve()
        self._times.life_begins()
        if self._plan.schedules is not None:
            await self._start_schedules(self._plan.schedules)

    def _make_engine(self) -> Engine:
        return Engine(
            self._store,
            self._outside,
            self._conditions.settings,
            self._clock,
            self._objects,
            vault=Vault(FixedKeys()),
            notices=EveryNotice() if self._conditions.noticed else None,
        )

    async def _start_schedules(self, plan: SchedulePlan) -> None:
        functions = cast(LambdaService, None)  # no schedule of a plan invokes one
        runner = Runner(self._store.schedules, EngineStarter(self.engine, functions), self._clock)
        self.schedules = Schedules(self._store.schedules, self._clock, runner.wake)
        await deploy(self.schedules, plan.declared, SCHEDULER)
        runner.start()
        self._runner = runner

    async def stop(self, grace: float) -> None:
        if self._runner is not None:
            await self._runner.stop()
        if self._plan.jobs is not None:
            await self.jobs.stop()
        await self.engine.stop(grace)
        await self._store.close()

    async def _deploy(self) -> None:
        self.machines = {machine.name: await self._deployed(machine) for machine in self._plan.machines}
        for behaviour in self._plan.workers:
            await self._store.create_activity(ActivityRow(f"{ARN}activity:{behaviour}", behaviour, 0), {})

    async def _deployed(self, machine: Machine) -> MachineRow:
        found = await self._store.find_machine(machine_arn(machine.name))
        if found is not None:
            return found
        row = MachineRow(
            arn=machine_arn(machine.name),
            name=machine.name,
            type=machine.type,
            status="ACTIVE",
            definition_hash=definition_hash(machine.definition),
            role_arn=ROLE,
            creation_date=1000,
            update_date=1000,
            revision_id="r1",
            configuration=machine.configuration,
        )
        made = await self._store.create_machine(row, machine.definition, {})
        assert made is not None
        return made
