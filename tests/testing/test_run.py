"""A whole machine run by a test: mocks by state, virtual time, and what can be said of the result."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stepwell import Stepwell
from stepwell.testing import Never, Return, TestFault, Throw, run

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:"
POLL: dict[str, Any] = {
    "StartAt": "Check",
    "States": {
        "Check": {
            "Type": "Task",
            "Resource": f"{FUNCTION}check",
            "ResultPath": "$.status",
            "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 10, "MaxAttempts": 2}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Give up"}],
            "Next": "Ready?",
        },
        "Ready?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.status", "StringEquals": "READY", "Next": "Done"}],
            "Default": "Wait",
        },
        "Wait": {"Type": "Wait", "Seconds": 3600, "Next": "Check"},
        "Done": {"Type": "Succeed"},
        "Give up": {"Type": "Fail", "Error": "GaveUp", "Cause": "The vendor does not answer"},
    },
}


def task(**state: Any) -> dict[str, Any]:
    return {"StartAt": "Work", "States": {"Work": {"Type": "Task", "Resource": f"{FUNCTION}work", "End": True} | state}}


def test_a_list_answers_call_by_call_and_hours_pass_in_no_time() -> None:
    result = run(POLL, {"id": 7}, mocks={"Check": ["PENDING", Throw("Busy"), "READY"]})
    assert result.status == "SUCCEEDED"
    assert result.output == {"id": 7, "status": "READY"}
    assert result.path == ["Check", "Ready?", "Wait", "Check", "Ready?", "Done"]
    assert result.visits("Check") == 2
    assert result.attempts("Check") == 3
    assert result.duration == 3610
    assert result.called_with("Check")[0] == {"id": 7}
    assert result.inputs("Done") == [{"id": 7, "status": "READY"}]
    assert [event["type"] for event in result.events][:2] == ["ExecutionStarted", "TaskStateEntered"]


def test_a_single_response_answers_every_call() -> None:
    result = run(POLL, mocks={"Check": Throw("Busy", "Come again")})
    result.assert_failed("GaveUp", "does not answer")
    assert (result.attempts("Check"), result.duration) == (3, 30)
    assert result.path == ["Check", "Give up"]


def test_a_callable_gets_the_input_and_its_errors_are_the_tasks() -> None:
    def work(input: dict[str, int]) -> dict[str, int]:
        return {"double": 2 * input["n"]}

    assert run(task(), {"n": 4}, mocks={"Work": work}).output == {"double": 8}
    failed = run(task(), {}, mocks={"Work": work})
    failed.assert_failed("KeyError", "errorMessage")


async def test_it_runs_inside_of_a_running_loop_and_mocks_may_be_asynchronous() -> None:
    async def work(input: object) -> str:
        await asyncio.sleep(0)
        return "slept"

    assert run(task(), mocks={"Work": work}).output == "slept"


def test_an_assertion_in_a_mock_fails_the_test_and_not_the_machine() -> None:
    def work(input: object) -> None:
        assert input == {"n": 1}

    caught = task(Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Work"}])
    with pytest.raises(AssertionError, match="n"):
        run(caught, {"n": 2}, mocks={"Work": work})


def test_a_task_that_nothing_answers_is_told_with_what_to_write() -> None:
    with pytest.raises(TestFault, match=r"mocks=\{'Work': Return\(\.\.\.\)\}. Mocked are: Check"):
        run(task(), mocks={"Check": 1})


def test_a_call_too_many_is_told() -> None:
    with pytest.raises(TestFault, match="State 'Check' was called 2 times, and its mock has 1 responses"):
        run(POLL, mocks={"Check": ["PENDING"]})


def test_a_definition_that_is_not_valid_is_told_with_all_that_is_wrong() -> None:
    with pytest.raises(TestFault, match=r"/States/Work.*MISSING_TRANSITION_TARGET"):
        run({"StartAt": "Work", "States": {"Work": {"Type": "Pass", "Next": "Nowhere"}}})


def test_a_callback_that_is_never_told_of_times_out_when_its_time_is_over() -> None:
    wait = task(
        Resource="arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        Parameters={"MessageBody": {"Token.$": "$$.Task.Token"}},
        TimeoutSeconds=86_400,
    )
    result = run(wait, mocks={"Work": Never()})
    result.assert_failed("States.Timeout")
    assert result.duration == 86_400
    assert run(wait, mocks={"Work": Return("told")}).output == "told"


def test_an_activity_is_answered_by_its_mock_or_by_nobody() -> None:
    dig = task(Resource="arn:aws:states:us-east-1:123456789012:activity:dig", TimeoutSeconds=60)
    assert run(dig, mocks={"Work": {"dug": True}}).output == {"dug": True}
    assert run(dig, mocks={"Work": Never()}).duration == 60
    with pytest.raises(TestFault, match="activity:dig"):
        run(dig)


def test_an_activity_that_is_never_heard_of_misses_its_heartbeat_after_the_claim() -> None:
    dig = task(
        Resource="arn:aws:states:us-east-1:123456789012:activity:dig",
        HeartbeatSeconds=600,
        Retry=[{"ErrorEquals": ["States.HeartbeatTimeout"], "IntervalSeconds": 5, "MaxAttempts": 1}],
    )
    result = run(dig, {"n": 1}, mocks={"Work": Never()})
    result.assert_failed("States.Timeout")
    assert (result.attempts("Work"), result.duration) == (2, 1_205)
    assert result.called_with("Work") == [{"n": 1}, {"n": 1}]
    assert [event["type"] for event in result.events][2:5] == [
        "ActivityScheduled",
        "ActivityStarted",
        "ActivityTimedOut",
    ]


def test_never_may_be_one_answer_of_an_activity_among_others() -> None:
    dig = task(
        Resource="arn:aws:states:us-east-1:123456789012:activity:dig",
        TimeoutSeconds=60,
        Retry=[{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 5, "MaxAttempts": 1}],
    )
    result = run(dig, mocks={"Work": [Never(), {"dug": True}]})
    assert (result.output, result.duration) == ({"dug": True}, 65)


def test_the_functions_of_an_app_are_called_where_no_mock_answers(tmp_path: Path) -> None:
    app = Stepwell()

    @app.function("work")
    def work(event: dict[str, int], context: Any) -> dict[str, Any]:
        return {"n": event["n"] + 1, "by": context.function_name}

    assert run(task(), {"n": 1}, app=app).output == {"n": 2, "by": "work"}
    assert run(task(), {"n": 1}, app=app, mocks={"Work": 0}).output == 0
    invoke = task(
        Resource="arn:aws:states:::lambda:invoke",
        Parameters={"FunctionName": "work", "Payload.$": "$"},
        OutputPath="$.Payload",
    )
    assert run(invoke, {"n": 1}, app=app).output == {"n": 2, "by": "work"}


def test_another_machine_of_the_test_may_be_started() -> None:
    start = task(
        Resource="arn:aws:states:::states:startExecution.sync:2",
        Parameters={
            "StateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:Child",
            "Input": {"n": 1},
        },
        OutputPath="$.Output",
    )
    child = {"StartAt": "Sleep", "States": {"Sleep": {"Type": "Wait", "Seconds": 600, "End": True}}}
    result = run(start, machines={"Child": child})
    assert (result.output, result.duration) == ({"n": 1}, 600)


def test_the_clock_begins_where_the_test_says() -> None:
    until = {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "TimestampPath": "$.at", "End": True}}}
    result = run(until, {"at": "2031-05-02T00:00:00Z"}, start=datetime(2031, 5, 1, tzinfo=UTC))
    assert result.duration == 86_400


def test_an_execution_that_does_not_end_is_told_with_its_path() -> None:
    def slow(input: object) -> Any:
        return asyncio.sleep(10)

    with pytest.raises(TestFault, match=r"still runs after 0.2 s of real time") as told:
        run(task(), mocks={"Work": slow}, seconds=0.2)
    assert told.value.__notes__ == ["Its path so far: Work"]


class TestAssertions:
    """What a failed assertion says."""

    result = staticmethod(lambda: run(POLL, mocks={"Check": [Throw("Boom", "It burst")]}))

    def test_a_path(self) -> None:
        with pytest.raises(AssertionError) as told:
            self.result().assert_path(["Check", "Ready?", "Done"])
        assert str(told.value) == (
            "The path is another one (- expected, + was).\n"
            "  Check\n+ Give up\n- Ready?\n- Done\n"
            "status  FAILED\n"
            "error   GaveUp: The vendor does not answer\n"
            "path    Check → Give up\n"
            "call    Check({})"
        )

    def test_a_status(self) -> None:
        with pytest.raises(AssertionError, match=r"was to succeed[^$]*GaveUp: The vendor"):
            self.result().assert_succeeded()
        with pytest.raises(AssertionError, match="was to fail with Boom, and failed with GaveUp"):
            self.result().assert_failed("Boom")

    def test_an_output(self) -> None:
        with pytest.raises(AssertionError) as told:
            run(task(), mocks={"Work": {"a": 1, "b": 2}}).assert_succeeded({"a": 1, "b": 3})
        assert '-   "b": 3' in str(told.value)
        assert '+   "b": 2' in str(told.value)

    def test_a_plain_assert_shows_the_result(self) -> None:
        assert repr(self.result()) == "<FAILED GaveUp: The vendor does not answer, path Check → Give up>"
