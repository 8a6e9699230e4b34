"""Redrive of map runs: what has succeeded keeps its result, all else begins again, once, whatever crashes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from stepwell.engine import redrive
from stepwell.engine.dispatch import Failed, Outcome, Succeeded, Task
from stepwell.engine.map_run import intake
from stepwell.engine.map_run.progress import Counts, Progress, decode
from stepwell.store.protocol import ExecutionRow
from tests.engine.house import Gate, Handlers, until
from tests.engine.lives import Life, crashes, execution_arn, live
from tests.engine.test_map_run import distributed
from tests.machine.journey import FUNCTION

FIRST = {"Type": "Task", "Resource": FUNCTION, "Next": "Work"}
WORK = {"Type": "Task", "Resource": FUNCTION, "End": True}
STEPS = {"StartAt": "First", "States": {"First": FIRST, "Work": WORK}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s.db"


class Mended:
    """Fails odd items until it is mended."""

    def __init__(self) -> None:
        self.mended = False

    async def __call__(self, task: Task) -> AsyncIterator[Outcome]:
        odd = json.loads(task.input) % 2
        yield Failed("Odd", None) if odd and not self.mended else Succeeded(task.input)


def steps(kind: str = "STANDARD", **members: Any) -> dict[str, Any]:
    """A machine whose children call First, then Work."""
    definition = distributed(STEPS, **members)
    definition["States"]["M"]["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] = kind
    return definition


async def run_of(here: Life, arn: str) -> ExecutionRow:
    """The only map run of an execution."""
    (run,) = await here.map_runs(arn)
    return run


async def progress_of(here: Life, arn: str) -> Progress:
    return decode((await run_of(here, arn)).change.data)


async def no_longer_running(here: Life, arn: str) -> ExecutionRow:
    """The only map run of an execution, once it has ended."""
    return await here.run_ended(await run_of(here, arn))


async def failed(here: Life, work: Mended, items: list[int], kind: str = "STANDARD", **members: Any) -> str:
    """An execution whose map run has failed on odd items, which succeed from now on."""
    await here.create("Parent", steps(kind, **members))
    arn = await here.start("Parent", "p", items)
    assert (await here.ended(arn)).change.status == "FAILED"
    work.mended = True
    return arn


def test_a_redriven_run_keeps_what_has_succeeded_and_runs_the_rest_again(path: Path) -> None:
    work = Mended()
    handlers = Handlers(Work=work)

    async def life(here: Life) -> None:
        arn = await failed(here, work, [0, 1, 2, 3], ToleratedFailurePercentage=49)
        first = await run_of(here, arn)
        assert first.change.status == "FAILED"
        handlers.tasks.clear()
        redriven = await here.engine.redrive_execution(arn, None)
        assert json.loads((await here.ended(arn)).change.output or "") == [0, 1, 2, 3]
        assert [task.state_name for task in handlers.tasks] == ["Work", "Work"]
        run = await run_of(here, arn)
        assert run.new == first.new
        assert (run.change.status, run.change.error, run.change.redrive_count) == ("SUCCEEDED", None, 1)
        assert run.change.redrive_date is not None
        assert run.change.redrive_date >= redriven
        progress = decode(run.change.data)
        assert progress.executions == progress.items == Counts(total=4, succeeded=4, written=4)
        assert [child.change.redrive_count for child in await here.children(run)] == [0, 1, 0, 1]
        await here.settled()

    assert live(path, life, make=lambda: handlers)


def test_the_history_of_the_parent_tells_the_redrive(path: Path) -> None:
    work = Mended()

    async def life(here: Life) -> None:
        arn = await failed(here, work, [1])
        await here.engine.redrive_execution(arn, None)
        await here.ended(arn)
        events = await here.events(arn)
        assert [(event.id, event.previous_id, event.type) for event in events][4:] == [
            (5, 4, "MapRunFailed"),
            (6, 5, "MapStateFailed"),
            (7, 6, "ExecutionFailed"),
            (8, 7, "ExecutionRedriven"),
            (9, 8, "MapRunRedriven"),
            (10, 9, "MapRunSucceeded"),
            (11, 10, "MapStateSucceeded"),
            (12, 9, "MapStateExited"),
            (13, 12, "ExecutionSucceeded"),
        ]
        run = await run_of(here, arn)
        assert events[8].details == {"mapRunArn": run.new.arn, "redriveCount": 1}

    assert live(path, life, make=lambda: Handlers(Work=work))


def test_express_children_begin_anew(path: Path) -> None:
    work = Mended()
    handlers = Handlers(Work=work)

    async def life(here: Life) -> None:
        arn = await failed(here, work, [0, 1], "EXPRESS", ToleratedFailurePercentage=49)
        before = [child.new.arn for child in await here.children(await run_of(here, arn))]
        handlers.tasks.clear()
        await here.engine.redrive_execution(arn, None)
        assert (await here.ended(arn)).change.output == "[0,1]"
        assert [task.state_name for task in handlers.tasks] == ["First", "Work"]
        assert [child.new.arn for child in await here.children(await run_of(here, arn))] == before

    assert live(path, life, make=lambda: handlers)


def test_items_that_had_no_child_yet_follow_those_that_failed(path: Path) -> None:
    work = Mended()

    async def life(here: Life) -> None:
        items = [1, *range(2, 40)]
        arn = await failed(here, work, items, MaxConcurrency=1)
        assert (await progress_of(here, arn)).executions.total == 1
        await here.engine.redrive_execution(arn, None)
        assert json.loads((await here.ended(arn)).change.output or "") == items
        assert (await progress_of(here, arn)).items == Counts(total=39, succeeded=39, written=39)

    assert live(path, life, make=lambda: Handlers(Work=work))


def test_a_run_that_was_aborted_with_its_parent_goes_on(path: Path) -> None:
    gate = Gate()
    handlers = Handlers(Work=gate)

    async def life(here: Life) -> None:
        await here.create("Parent", steps())
        arn = await here.start("Parent", "p", [1, 2, 3])
        await until(lambda: len(handlers.running) == 3)
        await here.engine.stop_execution(arn, None, None)
        await here.engine.redrive_execution(arn, None)  # at once: the run ends first
        gate.opened.set()
        assert (await here.ended(arn)).change.output == "[1,2,3]"
        assert (await run_of(here, arn)).change.redrive_count == 1
        await here.settled()

    assert live(path, life, make=lambda: handlers)


def test_beyond_the_concurrency_children_wait_to_be_redriven(path: Path) -> None:
    work = Mended()
    handlers = Handlers(Work=work)

    async def life(here: Life) -> None:
        arn = await failed(here, work, [1, 3, 5], ToleratedFailurePercentage=99, MaxConcurrency=2)
        gate = handlers.handlers["Work"] = Gate()
        await here.engine.redrive_execution(arn, None)
        await until(lambda: len(handlers.running) == 2)
        progress = await progress_of(here, arn)
        assert (progress.executions, progress.left) == (Counts(total=3, running=2), Counts(total=1, failed=1))
        children = await here.children(await run_of(here, arn))
        waiting = [progress.awaits_redrive(child.new.key, child.change.status) for child in children]
        assert waiting == [False, False, True]
        await here.engine.stop_execution(arn, None, None)
        run = await no_longer_running(here, arn)
        assert decode(run.change.data).executions == Counts(total=3, failed=1, aborted=2)
        await here.engine.redrive_execution(arn, None)
        gate.opened.set()
        assert (await here.ended(arn)).change.output == "[1,3,5]"
        assert (await run_of(here, arn)).change.redrive_count == 2

    assert live(path, life, make=lambda: handlers)


def test_a_child_that_cannot_be_redriven_keeps_its_failure(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Mended()

    async def life(here: Life) -> None:
        arn = await failed(here, work, [0, 1], ToleratedFailurePercentage=49)
        monkeypatch.setattr(redrive, "MAX_EVENTS", 10)
        run = await run_of(here, arn)
        children = await here.children(run)
        assert [child.change.last_event_id for child in children] == [12, 11]
        await here.engine.redrive_execution(arn, None)
        assert (await here.ended(arn)).change.error == "States.ExceedToleratedFailureThreshold"
        assert (await progress_of(here, arn)).executions == Counts(total=2, succeeded=1, failed=1, fixed=1)

    assert live(path, life, make=lambda: Handlers(Work=work))


def test_another_run_begins_where_the_result_could_not_be_evaluated(path: Path) -> None:
    async def life(here: Life) -> None:
        await here.create("Parent", distributed(OutputPath="$[9].gone"))
        arn = await here.start("Parent", "p", [1])
        assert (await here.ended(arn)).change.error == "States.Runtime"
        await here.engine.redrive_execution(arn, None)
        await here.ended(arn)
        assert [run.change.status for run in await here.map_runs(arn)] == ["SUCCEEDED", "SUCCEEDED"]

    assert live(path, life)


def test_wherever_it_crashes_a_run_whose_parent_is_stopped_and_redriven_has_all_results(path: Path) -> None:
    """Also one that has succeeded, which the parent was not told any more before it was stopped."""
    arn = execution_arn("Parent", "p")

    async def begin(here: Life) -> None:
        await here.create("Parent", distributed())
        await here.ended(await here.start("Parent", "p", [1, 2, 3]))
        await here.settled()

    async def recover(here: Life) -> None:
        await here.engine.stop_execution(arn, None, None)
        if (await here.row(arn)).change.status == "ABORTED":
            await here.engine.redrive_execution(arn, None)
        assert (await here.ended(arn)).change.output == "[1,2,3]"
        assert (await run_of(here, arn)).change.status == "SUCCEEDED"
        await here.settled()

    assert crashes(path, begin, recover) >= 3


def test_wherever_it_crashes_every_failed_child_is_redriven_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each life of a redrive dies after one commit more than the last, on a store of its own."""
    monkeypatch.setattr(intake, "_BEGUN_AT_ONCE", 3)
    arn = execution_arn("Parent", "p")
    items = list(range(12))

    for kind in ("STANDARD", "EXPRESS"):
        commits = 0
        while True:
            commits += 1
            work = Mended()
            store = path.with_name(f"{kind}{commits}.db")

            async def before(here: Life, work: Mended = work, kind: str = kind) -> None:
                await failed(here, work, items, kind, ToleratedFailurePercentage=49)
                await here.settled()

            async def redriven(here: Life) -> None:
                if (await here.row(arn)).change.redrive_count == 0:
                    await here.engine.redrive_execution(arn, "once")
                assert json.loads((await here.ended(arn, 30)).change.output or "") == items
                await here.settled()

            async def after(here: Life, kind: str = kind) -> None:
                await redriven(here)
                run = await run_of(here, arn)
                assert (await progress_of(here, arn)).executions == Counts(total=12, succeeded=12, written=12)
                counts = Counter(child.change.redrive_count for child in await here.children(run))
                assert counts == {0: 6, 1: 6}, kind
                assert run.change.redrive_count == 1

            assert live(store, before, make=lambda work=work: Handlers(Work=work))
            survived = live(store, redriven, commits=commits, make=lambda work=work: Handlers(Work=work))
            assert live(store, after, make=lambda work=work: Handlers(Work=work))
            if survived:
                break
            assert commits < 200
        assert commits >= 5
