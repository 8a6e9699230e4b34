"""Tasks that start executions, at the edges: while the engine stops, and while what they have started has not begun."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from stepwell.engine.dispatch import Child, Outcome, Refused, StartExecution, Task, Told
from stepwell.engine.engine import EngineSettings
from stepwell.language.model import Resource
from stepwell.tasks.nested_execution import NestedExecution
from tests.engine.house import ARN, Handler, Handlers, House, until
from tests.patience import PATIENCE

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": {"did": 1}, "End": True}}}


class Nesting(Handlers):
    """Handlers whose tasks may start executions."""

    nested = NestedExecution()

    def __init__(self, mocked: Sequence[str] = (), **handlers: Handler) -> None:
        super().__init__(mocked, **{"Nest": starts, **handlers})

    def child_outcome(self, resource: Resource, child: Child | Refused) -> Outcome:
        return self.nested.child_outcome(resource, child)


async def starts(task: Task) -> AsyncIterator[Told]:
    yield StartExecution(f"{ARN}stateMachine:Child", None, "{}", None, awaited=task.resource.pattern == "sync:2")


def parent(pattern: str) -> dict[str, Any]:
    nest = {
        "Type": "Task",
        "Resource": f"arn:aws:states:::states:startExecution{pattern}",
        "Parameters": {"StateMachineArn": f"{ARN}stateMachine:Child"},
        "End": True,
    }
    return {"StartAt": "Nest", "States": {"Nest": nest}}


async def test_a_start_that_a_stopping_engine_refuses_is_left_to_the_next(house: House) -> None:
    """A task is not failed by the end of the server that it was dispatched by."""
    opened = asyncio.Event()

    async def late(task: Task) -> AsyncIterator[Told]:
        await opened.wait()
        async for told in starts(task):
            yield told

    await house.restart(Nesting(Nest=late))
    await house.machine(PASS, "Child")
    started = await house.start(await house.machine(parent("")))
    await until(lambda: bool(house.dispatcher.running))
    stopping = asyncio.ensure_future(house.engine.stop(5))
    await asyncio.sleep(0)
    opened.set()
    async with asyncio.timeout(PATIENCE):
        await stopping
    await house.store.close()
    house.dispatcher = Nesting()
    await house.open()
    ended = await house.end(started)
    assert ended.change.status == "SUCCEEDED"
    assert json.loads(ended.change.output or "")["ExecutionArn"].startswith(f"{ARN}execution:Child:")


async def test_a_task_whose_child_has_not_begun_yet_is_not_dispatched_again(house: House) -> None:
    """Its row stays until the child tells: whoever looks for rows meanwhile, as there is room again, passes it over."""
    house.settings = EngineSettings(in_flight=1, transitions=(1, 20))
    await house.restart(Nesting())
    await house.machine(PASS, "Child")
    machine = await house.machine(parent(".sync:2"))
    for started in [await house.start(machine) for _ in range(5)]:
        ended = await house.end(started)
        assert json.loads(ended.change.output or "")["Output"] == {"did": 1}
    dispatched = [task.idempotency_key for task in house.dispatcher.tasks]
    assert len(dispatched) == len(set(dispatched)) == 5
