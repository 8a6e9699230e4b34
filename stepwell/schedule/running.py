"""The schedules of a running server, from its start to its end.

Rules that must stay true here:
- Nothing is started before the app's own schedules stand as it declares them.
- The runner ends before the engine does: what it is starting is told by then.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from stepwell.engine.engine import Engine
from stepwell.schedule.deploy import deploy
from stepwell.schedule.registry import Schedules
from stepwell.schedule.runner import Runner
from stepwell.schedule.starter import EngineStarter
from stepwell.store.schedules import ScheduleRow
from stepwell.tasks.lambda_service import LambdaService


@asynccontextmanager
async def scheduling(
    engine: Engine,
    functions: LambdaService,
    arn_prefix: str,
    declared: Sequence[ScheduleRow] | None,
    virtual: bool,
) -> AsyncIterator[Schedules]:
    """Carry schedules out while the block lasts. `declared` are an app's; None where no app is served, and what an app
    declared before stays. With `virtual`, executions begin on a virtual clock."""
    clock, store = engine.clock, engine.store.schedules
    runner = Runner(store, EngineStarter(engine, functions, virtual=virtual), clock)
    schedules = Schedules(store, clock, runner.wake)
    if declared is not None:
        await deploy(schedules, declared, arn_prefix)
    runner.start()
    try:
        yield schedules
    finally:
        await runner.stop()
