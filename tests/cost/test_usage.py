"""What is counted, from the events of a history."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stepwell.cost.usage import Calls, Children, Usage, express_usage, function_name, standard_usage

ARN = "arn:aws:lambda:us-east-1:123456789012:function:Check"


class History:
    """Events as GetExecutionHistory answers them, each behind the last one unless told otherwise."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def add(self, type: str, ms: int = 0, before: int | None = None, **details: str) -> int:
        id = len(self.events) + 1
        event: dict[str, Any] = {"id": id, "type": type, "timestamp": 1_700_000_000 + ms / 1000}
        event["previousEventId"] = id - 1 if before is None else before
        if details:
            event[type[0].lower() + type[1:] + "EventDetails"] = details
        self.events.append(event)
        return id

    def usage(self) -> Usage:
        return standard_usage(self.events)[0]

    def children(self) -> Children:
        return standard_usage(self.events)[1]


@pytest.fixture
def history() -> History:
    found = History()
    found.add("ExecutionStarted")
    return found


def test_every_state_that_is_entered_is_a_transition(history: History) -> None:
    for kind in ("Pass", "Choice", "Wait", "Succeed"):
        history.add(f"{kind}StateEntered")
        history.add(f"{kind}StateExited")
    history.add("ExecutionSucceeded")
    assert history.usage() == Usage(executions=1, transitions=4)


def test_every_retry_is_a_transition_more(history: History) -> None:
    history.add("TaskStateEntered")
    for _ in range(3):
        history.add("LambdaFunctionScheduled", resource=ARN)
        history.add("LambdaFunctionStarted")
        history.add("LambdaFunctionFailed", error="Down")
    assert history.usage().transitions == 3


def test_a_retry_of_a_parallel_counts_itself_and_the_states_that_it_enters(history: History) -> None:
    history.add("ParallelStateEntered")
    for _ in range(2):
        history.add("ParallelStateStarted")
        history.add("FailStateEntered")
    assert history.usage().transitions == 1 + 2 + 1


def test_iterations_of_a_map_count_by_the_states_that_they_enter(history: History) -> None:
    history.add("MapStateEntered")
    started = history.add("MapStateStarted")
    for _ in range(3):
        iteration = history.add("MapIterationStarted", before=started)
        history.add("PassStateEntered", before=iteration)
        history.add("PassStateExited")
        history.add("MapIterationSucceeded")
    assert history.usage().transitions == 1 + 3


def test_a_redrive_is_a_transition_and_so_is_the_state_that_it_runs_again(history: History) -> None:
    history.add("TaskStateEntered")
    history.add("LambdaFunctionScheduled", resource=ARN)
    history.add("LambdaFunctionStarted")
    history.add("LambdaFunctionFailed")
    history.add("ExecutionFailed")
    history.add("ExecutionRedriven")
    history.add("LambdaFunctionScheduled", resource=ARN)
    assert history.usage().transitions == 1 + 1 + 1


def test_a_call_is_billed_from_its_start_to_its_answer(history: History) -> None:
    history.add("TaskStateEntered", 0)
    history.add("LambdaFunctionScheduled", 5, resource=ARN)
    history.add("LambdaFunctionStarted", 10)
    history.add("LambdaFunctionSucceeded", 260)
    assert history.usage().functions == {"Check": Calls(1, 250)}


def test_a_call_of_no_time_is_billed_a_millisecond(history: History) -> None:
    history.add("TaskStateEntered")
    history.add("LambdaFunctionScheduled", resource=ARN)
    history.add("LambdaFunctionStarted")
    history.add("LambdaFunctionSucceeded")
    assert history.usage().functions == {"Check": Calls(1, 1)}


def test_lambda_invoke_names_its_function_in_the_parameters(history: History) -> None:
    history.add("TaskStateEntered")
    parameters = json.dumps({"FunctionName": ARN + ":live", "Payload": {}})
    history.add("TaskScheduled", resourceType="lambda", resource="invoke", parameters=parameters)
    history.add("TaskStarted", 100, resourceType="lambda", resource="invoke")
    history.add("TaskFailed", 130, resourceType="lambda", resource="invoke")
    assert history.usage().functions == {"Check": Calls(1, 30)}


def test_a_call_that_waits_for_its_token_is_billed_until_it_is_submitted(history: History) -> None:
    history.add("TaskStateEntered")
    task = {"resourceType": "lambda", "resource": "invoke.waitForTaskToken"}
    history.add("TaskScheduled", **task, parameters='{"FunctionName": "Check"}')
    history.add("TaskStarted", 0, **task)
    history.add("TaskSubmitted", 40, **task)
    history.add("TaskSucceeded", 9_000_000, **task)
    assert history.usage().functions == {"Check": Calls(1, 40)}


def test_calls_of_branches_that_interleave_are_told_apart(history: History) -> None:
    first = history.add("LambdaFunctionScheduled", resource=ARN + "A", before=0)
    second = history.add("LambdaFunctionScheduled", resource=ARN + "B", before=0)
    first = history.add("LambdaFunctionStarted", 0, before=first)
    second = history.add("LambdaFunctionStarted", 10, before=second)
    history.add("LambdaFunctionSucceeded", 100, before=first)
    history.add("LambdaFunctionTimedOut", 500, before=second)
    assert history.usage().functions == {"CheckA": Calls(1, 100), "CheckB": Calls(1, 490)}


def test_a_call_that_was_never_answered_lasts_until_the_end(history: History) -> None:
    history.add("TaskStateEntered")
    history.add("LambdaFunctionScheduled", resource=ARN)
    history.add("LambdaFunctionStarted", 100)
    history.add("ExecutionAborted", 400, before=0)
    assert history.usage().functions == {"Check": Calls(1, 300)}


def test_other_services_are_no_calls_of_functions(history: History) -> None:
    history.add("TaskStateEntered")
    history.add("TaskScheduled", resourceType="sns", resource="publish", parameters="{}")
    history.add("TaskStarted", resourceType="sns", resource="publish")
    history.add("TaskSucceeded", resourceType="sns", resource="publish")
    assert history.usage() == Usage(executions=1, transitions=1)


def test_children_are_told_once_each(history: History) -> None:
    child = json.dumps({"ExecutionArn": "child-arn"})
    task = {"resourceType": "states", "resource": "startExecution.sync:2"}
    history.add("TaskSubmitted", **task, output=child)
    history.add("TaskSucceeded", **task, output=child)
    history.add("TaskSucceeded", resourceType="aws-sdk:sfn", resource="describeExecution", output=child)
    history.add("MapRunStarted", mapRunArn="run-arn")
    assert history.children() == Children(("child-arn",), ("run-arn",))


@pytest.mark.parametrize(
    ("milliseconds", "data", "mb_milliseconds"),
    [(0, 0, 64 * 100), (100, 0, 64 * 100), (101, 0, 64 * 200), (1000, 14 * 2**20 + 1, 128 * 1000)],
)
def test_express_executions_are_billed_by_100_ms_and_64_mb(milliseconds: int, data: int, mb_milliseconds: int) -> None:
    usage, _ = express_usage(milliseconds, 0, data)
    assert (usage.express_requests, usage.express_mb_milliseconds, usage.transitions) == (1, mb_milliseconds, 0)


def test_usages_add_up() -> None:
    one = Usage(1, 2, 3, 4, {"A": Calls(1, 10), "B": Calls(1, 1)})
    assert one + Usage(1, 1, 1, 1, {"A": Calls(2, 5)}) == Usage(2, 3, 4, 5, {"A": Calls(3, 15), "B": Calls(1, 1)})


@pytest.mark.parametrize("given", ["Check", "Check:live", ARN, ARN + ":7", "123456789012:function:Check"])
def test_a_function_has_one_name_in_whatever_form(given: str) -> None:
    assert function_name(given) == "Check"
