"""Jobs that run elsewhere: submitted once, followed by later dispatches, also after a restart, and withdrawn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from stepwell.engine.dispatch import Failed, JobSubmitted, StillRunning, Succeeded, Task, Told
from stepwell.engine.settings import EngineSettings
from tests.engine.house import Handlers, House, until
from tests.machine.journey import machine

WORK = {"Type": "Task", "Resource": "arn:aws:states:::batch:submitJob.sync", "Parameters": {"JobName": "j"}}
LONG = '{"JobId": "%s"}' % ("j" * 400)


class Service:
    """A handler of `.sync` tasks. Each look takes the next of `looks`; a job runs on when there is none."""

    def __init__(self, *looks: Told, submitted: str = '{"JobId": "1"}') -> None:
        self.looks = list(looks)
        self.submitted = submitted
        self.submissions = 0
        self.looked: list[Task] = []
        self.opened = asyncio.Event()
        self.opened.set()

    async def __call__(self, task: Task) -> AsyncIterator[Told]:
        if task.submitted is None:
            self.submissions += 1
            await self.opened.wait()
            yield JobSubmitted(self.submitted)
        else:
            self.looked.append(task)
            yield self.looks.pop(0) if self.looks else StillRunning(60)


async def test_a_job_is_submitted_once_and_looked_at_until_it_has_ended(house: House) -> None:
    service = house.dispatcher.handlers["Work"] = Service(StillRunning(0), StillRunning(0), Succeeded('{"done":1}'))
    started = await house.start(await house.machine(machine({"Work": WORK})))
    assert (await house.end(started)).change.output == '{"done":1}'
    assert service.submissions == 1
    assert [(task.submitted, task.looks) for task in service.looked] == [('{"JobId": "1"}', n) for n in range(3)]
    types = ["ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"]
    assert await house.types(started) == [*types, "TaskStateExited", "ExecutionSucceeded"]


@pytest.mark.parametrize("answer", ['{"JobId": "1"}', LONG])
async def test_after_a_restart_the_job_is_followed_and_none_submitted(house: House, answer: str) -> None:
    service = house.dispatcher.handlers["Work"] = Service(submitted=answer)
    started = await house.start(await house.machine(machine({"Work": WORK})))
    await until(lambda: len(service.looked) == 1)
    again = Service(Succeeded("1"))
    await house.restart(Handlers(Work=again))
    assert (await house.end(started)).change.output == "1"
    assert (service.submissions, again.submissions) == (1, 0)
    assert again.looked[0].submitted == answer
    assert house.dispatcher.withdrawn == []


async def test_a_job_that_fails_is_retried_by_another_submission(house: House) -> None:
    service = house.dispatcher.handlers["Work"] = Service(Failed("States.TaskFailed", "{}"), Succeeded("2"))
    retry = [{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    started = await house.start(await house.machine(machine({"Work": {**WORK, "Retry": retry}})), virtual=True)
    assert (await house.end(started)).change.output == "2"
    assert service.submissions == 2


async def test_a_job_holds_a_virtual_clock(house: House) -> None:
    service = house.dispatcher.handlers["Work"] = Service(StillRunning(0.02), Succeeded("1"))
    started = await house.start(await house.machine(machine({"Work": {**WORK, "TimeoutSeconds": 60}})), virtual=True)
    row = await house.end(started)
    assert (row.change.output, row.change.stop_date) == ("1", row.new.start_date)
    assert len(service.looked) == 2


async def test_stopping_an_execution_withdraws_its_job(house: House) -> None:
    service = house.dispatcher.handlers["Work"] = Service()
    started = await house.start(await house.machine(machine({"Work": WORK})))
    await until(lambda: len(service.looked) == 1)
    await house.engine.stop_execution(started.arn, None, None)
    await until(lambda: len(house.dispatcher.withdrawn) == 1)
    assert house.dispatcher.withdrawn[0].submitted == '{"JobId": "1"}'
    await until(lambda: house.engine._outbox._under_way == {})


async def test_a_job_that_is_being_submitted_when_its_state_times_out_is_withdrawn(still_house: House) -> None:
    house = still_house
    service = house.dispatcher.handlers["Work"] = Service()
    service.opened.clear()
    started = await house.start(await house.machine(machine({"Work": {**WORK, "TimeoutSeconds": 5}})))
    await until(lambda: service.submissions == 1)
    house.clock.advance(6)
    assert (await house.end(started)).change.error == "States.Timeout"
    await until(lambda: len(house.dispatcher.withdrawn) == 1)


async def test_jobs_that_run_elsewhere_leave_room_for_other_tasks(house: House) -> None:
    house.settings = EngineSettings(in_flight=2)
    await house.restart()
    service = house.dispatcher.handlers["Work"] = Service()
    work = await house.machine(machine({"Work": WORK}))
    for _ in range(10):
        await house.start(work)
    await until(lambda: len(service.looked) == 10)
    plain = {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f"}
    assert (await house.end(await house.start(await house.machine(machine({"Plain": plain}), "Plain")))).change.output
    assert service.submissions == 10
