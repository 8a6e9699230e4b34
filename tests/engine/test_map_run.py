"""Distributed Maps: every item has one child, whatever crashes; results come in the order of the items."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.engine.lives import Life, crashes, execution_arn, live

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
FAILS = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Bad", "Cause": "so it is"}}}
WAITS = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
ODD_FAILS = {
    "StartAt": "C",
    "States": {
        "C": {"Type": "Choice", "Choices": [{"Variable": "$", "NumericGreaterThan": 1, "Next": "F"}], "Default": "S"},
        "F": {"Type": "Fail", "Error": "Bad"},
        "S": {"Type": "Succeed"},
    },
}


def distributed(processor: dict[str, Any] = PASS, name: str = "M", **members: Any) -> dict[str, Any]:
    """A machine with one distributed Map."""
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    state = {"Type": "Map", "ItemProcessor": {"ProcessorConfig": config, **processor}, "End": True, **members}
    return {"StartAt": name, "States": {name: state}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s.db"


def test_the_history_of_the_parent_tells_the_map_run(path: Path) -> None:
    async def life(here: Life) -> None:
        await here.create("Parent", distributed(Label="L"))
        arn = await here.start("Parent", "p", [1, {"a": 2}])
        assert (await here.ended(arn)).change.output == '[1,{"a":2}]'
        events = await here.events(arn)
        assert [(event.id, event.previous_id, event.type) for event in events] == [
            (1, 0, "ExecutionStarted"),
            (2, 0, "MapStateEntered"),
            (3, 2, "MapStateStarted"),
            (4, 3, "MapRunStarted"),
            (5, 4, "MapRunSucceeded"),
            (6, 5, "MapStateSucceeded"),
            (7, 4, "MapStateExited"),
            (8, 7, "ExecutionSucceeded"),
        ]
        assert events[2].details == {"length": 2}
        (run,) = await here.map_runs(arn)
        assert events[3].details == {"mapRunArn": run.new.arn}
        assert run.new.arn.startswith("arn:aws:states:us-east-1:123456789012:mapRun:Parent/L:")
        assert run.change.status == "SUCCEEDED"

    assert live(path, life)


def test_children_are_executions_of_their_own_and_the_machine_does_not_list_them(path: Path) -> None:
    async def life(here: Life) -> None:
        await here.create("Parent", distributed(Label="L"))
        arn = await here.start("Parent", "p", ["a", "b"])
        await here.ended(arn)
        (run,) = await here.map_runs(arn)
        children = await here.children(run)
        assert [child.new.input for child in children] == ['"a"', '"b"']
        for child in children:
            assert child.new.arn == f"arn:aws:states:us-east-1:123456789012:execution:Parent/L:{child.new.name}"
            assert child.new.machine_arn == "arn:aws:states:us-east-1:123456789012:stateMachine:Parent/L"
            assert child.new.map_run_arn == run.new.arn
            assert [event.type for event in await here.events(child.new.arn)] == [
                "ExecutionStarted",
                "PassStateEntered",
                "PassStateExited",
                "ExecutionSucceeded",
            ]
        assert [row.new.name for row in await here.executions("Parent")] == ["p"]

    assert live(path, life)


def test_express_children_keep_no_history_but_all_else(path: Path) -> None:
    definition = distributed(PASS)
    definition["States"]["M"]["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] = "EXPRESS"

    async def life(here: Life) -> None:
        await here.create("Parent", definition)
        arn = await here.start("Parent", "p", ["a", "b" * 1000])
        assert (await here.ended(arn)).change.output == f'["a","{"b" * 1000}"]'
        (run,) = await here.map_runs(arn)
        for child in await here.children(run):
            assert child.change.status == "SUCCEEDED"
            assert await here.events(child.new.arn) == []
            assert not await here.engine.store.history(child.new.key, 1, 10, False)

    assert live(path, life)


def test_express_children_keep_their_history_where_their_machine_asks_for_a_log(path: Path) -> None:
    definition = distributed(PASS)
    definition["States"]["M"]["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] = "EXPRESS"

    async def life(here: Life) -> None:
        await here.create("Parent", definition, configuration='{"loggingConfiguration": {"level": "ALL"}}')
        arn = await here.start("Parent", "p", ["a"])
        await here.ended(arn)
        (run,) = await here.map_runs(arn)
        (child,) = await here.children(run)
        assert [event.id for event in await here.events(child.new.arn)] == [1, 2, 3, 4]

    assert live(path, life)


def test_results_come_in_the_order_of_the_items_however_the_children_end(path: Path) -> None:
    """The children end in the opposite order: each waits so many seconds as its item says."""
    processor = {"StartAt": "W", "States": {"W": {"Type": "Wait", "SecondsPath": "$", "End": True}}}

    async def life(here: Life) -> None:
        await here.create("Parent", distributed(processor))
        arn = await here.start("Parent", "p", [3, 2, 1, 0], virtual=True)
        assert (await here.ended(arn)).change.output == "[3,2,1,0]"

    assert live(path, life)


def test_the_item_selector_sees_input_item_and_execution(path: Path) -> None:
    selector = {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "k.$": "$.k", "n.$": "$$.Execution.Name"}

    async def life(here: Life) -> None:
        await here.create("Parent", distributed(ItemsPath="$.items", ItemSelector=selector))
        arn = await here.start("Parent", "p", {"k": 7, "items": ["x", "y"]})
        assert json.loads((await here.ended(arn)).change.output or "") == [
            {"i": 0, "v": "x", "k": 7, "n": "p"},
            {"i": 1, "v": "y", "k": 7, "n": "p"},
        ]

    assert live(path, life)


@pytest.mark.parametrize(
    ("batcher", "batches"),
    [
        ({"MaxItemsPerBatch": 2}, [[1, 2], [3, 4], [5]]),
        ({"MaxItemsPerBatch": 9}, [[1, 2, 3, 4, 5]]),
        ({"MaxInputBytesPerBatch": 18}, [[1, 2, 3], [4, 5]]),
    ],
)
def test_a_batcher_gives_a_child_many_items(path: Path, batcher: dict[str, Any], batches: list[list[int]]) -> None:
    async def life(here: Life) -> None:
        await here.create("Parent", distributed(ItemBatcher=batcher))
        arn = await here.start("Parent", "p", [1, 2, 3, 4, 5])
        assert json.loads((await here.ended(arn)).change.output or "") == [{"Items": items} for items in batches]

    assert live(path, life)


def test_all_batches_share_the_batch_input(path: Path) -> None:
    async def life(here: Life) -> None:
        batcher = {"MaxItemsPerBatch": 2, "BatchInput": {"k.$": "$.k"}}
        await here.create("Parent", distributed(ItemBatcher=batcher, ItemsPath="$.items"))
        arn = await here.start("Parent", "p", {"items": [1, 2, 3], "k": "v"})
        assert (await here.ended(arn)).change.output == (
            '[{"BatchInput":{"k":"v"},"Items":[1,2]},{"BatchInput":{"k":"v"},"Items":[3]}]'
        )

    assert live(path, life)


def test_a_run_without_items_succeeds_at_once(path: Path) -> None:
    async def life(here: Life) -> None:
        await here.create("Parent", distributed())
        assert (await here.ended(await here.start("Parent", "p", []))).change.output == "[]"

    assert live(path, life)


def test_one_failed_child_fails_the_run_and_the_others_are_aborted(path: Path) -> None:
    processor = {
        "StartAt": "C",
        "States": {
            "C": {"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 0, "Next": "F"}], "Default": "W"},
            "F": FAILS["States"]["F"],
            "W": WAITS["States"]["W"],
        },
    }

    async def life(here: Life) -> None:
        await here.create("Parent", distributed(processor))
        arn = await here.start("Parent", "p", [1, 2, 0])
        row = await here.ended(arn)
        assert (row.change.status, row.change.error) == ("FAILED", "States.ExceedToleratedFailureThreshold")
        assert row.change.cause == "The specified tolerated failure threshold was exceeded"
        assert [event.type for event in await here.events(arn)][3:] == [
            "MapRunStarted",
            "MapRunFailed",
            "MapStateFailed",
            "ExecutionFailed",
        ]
        (run,) = await here.map_runs(arn)
        assert [child.change.status for child in await here.children(run)] == ["ABORTED", "ABORTED", "FAILED"]

    assert live(path, life)


@pytest.mark.parametrize(
    ("tolerated", "status"),
    [
        ({"ToleratedFailureCount": 2}, "SUCCEEDED"),
        ({"ToleratedFailureCount": 1}, "FAILED"),
        ({"ToleratedFailurePercentage": 50}, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 49.9}, "FAILED"),
        ({"ToleratedFailureCount": 9, "ToleratedFailurePercentage": 10}, "FAILED"),
    ],
)
def test_so_many_failures_are_borne_as_the_state_says(path: Path, tolerated: dict[str, Any], status: str) -> None:
    async def life(here: Life) -> None:
        await here.create("Parent", distributed(ODD_FAILS, **tolerated))
        row = await here.ended(await here.start("Parent", "p", [0, 1, 2, 3]))
        assert row.change.status == status
        assert row.change.output in ("[0,1]", None)

    assert live(path, life)


def test_no_more_children_run_at_a_time_than_the_state_allows(path: Path) -> None:
    async def life(here: Life) -> None:
        await here.create("Parent", distributed(WAITS, MaxConcurrency=2))
        arn = await here.start("Parent", "p", [1, 2, 3])
        await here.until_event(arn, "MapRunStarted")
        (run,) = await here.map_runs(arn)
        children = await here.begun(run, 2)
        await here.engine.stop_execution(children[0].new.arn, None, None)
        await here.ended(arn)
        assert len(await here.children(run)) == 2

    assert live(path, life)


def test_stopping_the_parent_aborts_the_run_and_its_children(path: Path) -> None:
    async def life(here: Life) -> None:
        await here.create("Parent", distributed(WAITS))
        arn = await here.start("Parent", "p", [1, 2, 3])
        (run,) = await here.map_runs(arn)
        children = await here.begun(run, 3)
        await here.engine.stop_execution(arn, None, None)
        for child in children:
            assert (await here.ended(child.new.arn)).change.status == "ABORTED"
        await here.settled()
        assert (await here.run_ended(run)).change.status == "ABORTED"

    assert live(path, life)


def test_a_distributed_map_may_hold_another(path: Path) -> None:
    async def life(here: Life) -> None:
        inner = distributed(PASS, "Inner", ItemsPath="$.inner")
        await here.create("Parent", distributed(inner))
        arn = await here.start("Parent", "p", [{"inner": [1, 2]}, {"inner": []}, {"inner": [3]}])
        assert (await here.ended(arn)).change.output == "[[1,2],[],[3]]"

    assert live(path, life)


def test_a_distributed_map_runs_in_a_branch_and_in_an_iteration(path: Path) -> None:
    async def life(here: Life) -> None:
        inner = distributed(PASS, ItemSelector={"v.$": "$$.Map.Item.Value"})
        iterated = {"StartAt": "I", "States": {"I": {"Type": "Map", "ItemProcessor": inner, "End": True}}}
        other = {"StartAt": "O", "States": {"O": {"Type": "Pass", "End": True}}}
        parallel = {"Type": "Parallel", "Branches": [other, iterated], "OutputPath": "$[1]", "End": True}
        await here.create("Parent", {"StartAt": "Both", "States": {"Both": parallel}})
        arn = await here.start("Parent", "p", [["a"], ["b", "c"]])
        assert json.loads((await here.ended(arn)).change.output or "") == [[{"v": "a"}], [{"v": "b"}, {"v": "c"}]]

    assert live(path, life)


def test_results_that_are_too_large_together_fail_the_run(path: Path) -> None:
    processor = {
        "StartAt": "P",
        "States": {"P": {"Type": "Pass", "Result": "x" * 100_000, "End": True}},
    }

    async def life(here: Life) -> None:
        await here.create("Parent", distributed(processor))
        row = await here.ended(await here.start("Parent", "p", [1, 2, 3]))
        assert row.change.error == "States.DataLimitExceeded"

    assert live(path, life)


def test_wherever_it_crashes_every_item_has_one_child(path: Path) -> None:
    items = list(range(250))  # more than begin in one commit

    async def begin(here: Life) -> None:
        await here.create("Parent", distributed(MaxConcurrency=120))
        await here.ended(await here.start("Parent", "p", items))
        await here.settled()

    async def recover(here: Life) -> None:
        arn = execution_arn("Parent", "p")
        row = await here.ended(arn, 30)
        assert json.loads(row.change.output or "") == items
        (run,) = await here.map_runs(arn)
        assert [child.new.input for child in await here.children(run)] == [str(item) for item in items]
        await here.settled()

    assert crashes(path, begin, recover) >= 5


def test_wherever_it_crashes_an_aborted_run_leaves_no_child_behind(path: Path) -> None:
    async def begin(here: Life) -> None:
        await here.create("Parent", distributed(WAITS))
        arn = await here.start("Parent", "p", [1, 2, 3])
        await here.engine.stop_execution(arn, None, None)
        (run,) = await here.map_runs(arn)
        await here.run_ended(run)
        await here.settled()

    async def recover(here: Life) -> None:
        arn = execution_arn("Parent", "p")
        if (await here.row(arn)).change.status == "RUNNING":
            await here.engine.stop_execution(arn, None, None)
        (run,) = await here.map_runs(arn)
        await here.run_ended(run)
        assert {child.change.status for child in await here.children(run)} <= {"ABORTED"}
        await here.settled()

    assert crashes(path, begin, recover) >= 3


def test_a_jsonata_map_says_the_same_in_its_own_words(path: Path) -> None:
    definition = distributed(
        {"StartAt": "P", "States": {"P": {"Type": "Pass", "Output": "{% $states.input.n * 2 %}", "End": True}}},
        Items="{% $states.input.items %}",
        ItemSelector={"n": "{% $states.context.Map.Item.Value + $k %}"},
        MaxConcurrency="{% 1 + 1 %}",
        ToleratedFailureCount="{% 1 %}",
    )
    first = {"Type": "Pass", "Assign": {"k": 10}, "Next": "M"}
    definition = {"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": first, **definition["States"]}}

    async def life(here: Life) -> None:
        await here.create("Parent", definition)
        arn = await here.start("Parent", "p", {"items": [1, 2]})
        assert (await here.ended(arn)).change.output == "[22,24]"

    assert live(path, life)


def test_an_item_selector_that_fails_fails_the_run(path: Path) -> None:
    async def life(here: Life) -> None:
        await here.create("Parent", distributed(ItemSelector={"v.$": "$$.Map.Item.Value.gone"}))
        row = await here.ended(await here.start("Parent", "p", [{"gone": 1}, {}]))
        assert row.change.error == "States.Runtime"
        assert (row.change.cause or "").startswith(
            "An error occurred while executing the state 'M' (entered at the event id #2). "
        )

    assert live(path, life)


def test_a_failing_branch_aborts_the_map_run_of_another(path: Path) -> None:
    async def life(here: Life) -> None:
        late = {"StartAt": "L", "States": {"L": {"Type": "Wait", "Seconds": 1, "Next": "F"}, **FAILS["States"]}}
        parallel = {"Type": "Parallel", "Branches": [distributed(WAITS), late], "End": True}
        await here.create("Parent", {"StartAt": "Both", "States": {"Both": parallel}})
        arn = await here.start("Parent", "p", [1, 2])
        assert (await here.ended(arn)).change.error == "Bad"
        assert "MapRunAborted" in [event.type for event in await here.events(arn)]
        (run,) = await here.map_runs(arn)
        await here.run_ended(run)
        assert {child.change.status for child in await here.children(run)} == {"ABORTED"}

    assert live(path, life)


def test_a_retry_begins_another_run_and_a_catcher_takes_its_failure(path: Path) -> None:
    error = "States.ExceedToleratedFailureThreshold"

    async def life(here: Life) -> None:
        definition = distributed(
            FAILS,
            Retry=[{"ErrorEquals": [error], "MaxAttempts": 2, "IntervalSeconds": 1}],
            Catch=[{"ErrorEquals": [error], "Next": "Caught"}],
        )
        definition["States"]["Caught"] = {"Type": "Pass", "End": True}
        await here.create("Parent", definition)
        row = await here.ended(await here.start("Parent", "p", [1], virtual=True))
        assert json.loads(row.change.output or "")["Error"] == error
        assert [run.change.status for run in await here.map_runs(row.new.arn)] == ["FAILED"] * 3

    assert live(path, life)


def test_more_items_than_run_at_a_time_stream_through(path: Path) -> None:
    """The children of one commit end before the next begin: memory holds neither them nor their results."""

    async def life(here: Life) -> None:
        await here.create("Parent", distributed(ItemSelector={"v.$": "$$.Map.Item.Index"}, MaxConcurrency=7))
        row = await here.ended(await here.start("Parent", "p", [0] * 500), 30)
        assert [item["v"] for item in json.loads(row.change.output or "")] == list(range(500))

    assert live(path, life)


def test_wherever_it_crashes_a_child_whose_first_turn_takes_long_is_not_lost(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stepwell.engine.turns._ON_LOOP", 0.0)
    slow = {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $sum([1..2000]) + $states.input %}", "End": True}

    async def begin(here: Life) -> None:
        await here.create("Parent", distributed({"StartAt": "P", "States": {"P": slow}}))
        await here.ended(await here.start("Parent", "p", [1, 2, 3]))

    async def recover(here: Life) -> None:
        row = await here.ended(execution_arn("Parent", "p"))
        assert json.loads(row.change.output or "") == [2001001, 2001002, 2001003]

    assert crashes(path, begin, recover) >= 3
