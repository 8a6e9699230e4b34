"""`stepwell worker`: functions on other machines, over the activity protocol of AWS."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

import httpx
import pytest

from tests.patience import PATIENCE, until
from tests.worker.conftest import PLACE, Fleet
from tests.worker.journal import most_at_once

OF_WORK = f"arn:aws:states:{PLACE}:activity:function.work"


def test_workers_share_the_load_and_none_takes_more_than_it_may(fleet: Fleet) -> None:
    fleet.work("a", "--function", "work")
    fleet.work("b", "--function", "work")
    gate = fleet.folder / "gate"
    executions = [fleet.start("works", n=n, gate=str(gate)) for n in range(40)]
    until(lambda: len(fleet.runs()) == 6)  # each of the two has its hands full
    gate.touch()
    outputs = [json.loads(fleet.ended(execution)["output"]) for execution in executions]
    assert [output["n"] for output in outputs] == list(range(40))
    assert {output["worker"] for output in outputs} == {"a", "b"}
    lines = [*fleet.runs("began"), *fleet.runs("ended")]
    for name in "ab":
        assert most_at_once([line for line in lines if line["worker"] == name]) <= 3
    assert len(fleet.runs()) == 40


def test_a_worker_signs_what_it_asks_a_server_that_asks_who_is_calling(tmp_path: Path) -> None:
    with ExitStack() as stack:
        fleet = Fleet(tmp_path, stack, access_key=("AKIAWORKER", "a-secret-of-the-workers"))
        fleet.serve()
        fleet.work("a", "--function", "work")
        assert json.loads(fleet.ended(fleet.start("works", n=7))["output"])["n"] == 7


def test_the_history_is_that_of_a_lambda_function(fleet: Fleet) -> None:
    fleet.work("a", "--function", "work")
    execution = fleet.start("works", n=1)
    assert fleet.ended(execution)["status"] == "SUCCEEDED"
    assert fleet.event_types(execution)[2:5] == [
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionSucceeded",
    ]


def test_the_call_of_a_killed_worker_goes_to_another(impatient: Fleet) -> None:
    fleet = impatient
    gate = fleet.folder / "gate"
    fleet.work("a", "--function", "gated")
    execution = fleet.start("gated", gate=str(gate))
    until(fleet.runs)
    fleet.kill("a")
    fleet.work("b", "--function", "gated")
    until(lambda: "b" in [run["worker"] for run in fleet.runs()])
    gate.touch()
    assert json.loads(fleet.ended(execution)["output"]) == {"worker": "b"}
    assert len({run["key"] for run in fleet.runs()}) == 1


def test_a_worker_goes_on_while_the_server_is_killed_and_its_result_is_taken(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with ExitStack() as stack:
        fleet = Fleet(tmp_path, stack, lease=6)  # so that a worker at work is heard of every two seconds
        fleet.serve()
        fleet.work("a", "--function", "gated")
        execution = fleet.start("gated", gate=str(gate))
        until(fleet.runs)
        fleet.work("b", "--function", "gated")
        fleet.stay_away_until("a")
        until(lambda: "is back" in fleet.said("a"))
        gate.touch()
        assert json.loads(fleet.ended(execution)["output"]) == {"worker": "a"}
        assert len(fleet.runs()) == 1


def test_a_result_that_comes_while_the_server_is_away_is_told_to_the_next(fleet: Fleet) -> None:
    gate = fleet.folder / "gate"
    fleet.work("a", "--function", "gated")
    execution = fleet.start("gated", gate=str(gate))
    until(fleet.runs)
    assert fleet.server is not None
    fleet.server.kill()
    gate.touch()
    until(lambda: fleet.runs("ended"))
    fleet.serve(fleet.server.port)
    assert json.loads(fleet.ended(execution)["output"]) == {"worker": "a"}
    assert len(fleet.runs()) == 1


def test_a_worker_that_is_stopped_ends_what_it_has_begun(fleet: Fleet) -> None:
    gate = fleet.folder / "gate"
    worker = fleet.work("a", "--function", "gated", "--grace", "600")
    first, second = fleet.start("gated", gate=str(gate)), fleet.start("gated", gate=str(gate))
    until(fleet.runs)
    worker.terminate()
    until(lambda: "stopping" in fleet.said("a"))
    gate.touch()
    assert worker.wait(PATIENCE) == 0
    statuses = [fleet.client("stepfunctions").describe_execution(executionArn=arn)["status"] for arn in (first, second)]
    assert sorted(statuses) == ["RUNNING", "SUCCEEDED"]
    assert len(fleet.runs()) == 1


def test_what_a_stopped_worker_cannot_end_it_hands_back_at_once(fleet: Fleet) -> None:
    gate = fleet.folder / "gate"
    worker = fleet.work("a", "--function", "gated", "--grace", "0")
    execution = fleet.start("gated", gate=str(gate))
    until(fleet.runs)
    fleet.work("b", "--function", "gated")
    worker.terminate()
    assert worker.wait(PATIENCE) == 0
    until(lambda: len(fleet.runs()) == 2)  # without waiting for the lease to lapse, which is longer
    gate.touch()
    assert json.loads(fleet.ended(execution)["output"]) == {"worker": "b"}


def test_the_tasks_of_an_activity_are_carried_out_and_kept_alive(fleet: Fleet) -> None:
    fleet.work("a", "--function", "act")
    execution = fleet.start("acts", seconds=3)  # longer than the state's HeartbeatSeconds
    assert json.loads(fleet.ended(execution)["output"]) == {"acted": "a"}
    assert fleet.event_types(execution)[-5:-2] == ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]


def test_a_function_of_a_worker_is_invoked_as_any_other(fleet: Fleet) -> None:
    fleet.work("a")
    client = fleet.client("lambda")
    answer = client.invoke(FunctionName="work", Payload=b'{"n": 7}')
    assert json.loads(answer["Payload"].read()) == {"n": 7, "worker": "a"}
    answer = client.invoke(FunctionName="refuse", Payload=b'{"what": "way"}', LogType="Tail")
    assert answer["FunctionError"] == "Unhandled"
    payload = json.loads(answer["Payload"].read())
    assert (payload["errorType"], payload["errorMessage"]) == ("ValueError", "no way")
    assert answer["LogResult"]


def test_what_a_worker_s_handler_prints_reaches_the_server(fleet: Fleet) -> None:
    gate = fleet.folder / "gate"
    gate.touch()
    fleet.work("a", "--function", "gated")
    execution = fleet.start("gated", gate=str(gate))
    assert fleet.ended(execution)["status"] == "SUCCEEDED"
    assert fleet.server is not None
    with urlopen(f"{fleet.server.url}/logs?function=gated", timeout=PATIENCE) as answer:
        lines = json.load(answer)["lines"]
    assert ("waiting for gate", execution) in [(line["message"], line["execution"]) for line in lines]


def test_any_sdk_can_be_a_worker_and_one_that_falls_silent_is_no_longer_heard(impatient: Fleet) -> None:
    fleet = impatient
    client = fleet.client("stepfunctions")
    execution = fleet.start("works", n=5)
    first = client.get_activity_task(activityArn=OF_WORK, workerName="silent")
    second = client.get_activity_task(activityArn=OF_WORK, workerName="other")  # answered once the lease has lapsed
    assert json.loads(first["input"]) == json.loads(second["input"]) == {"n": 5}
    with pytest.raises(client.exceptions.TaskTimedOut):
        client.send_task_success(taskToken=first["taskToken"], output='"late"')
    with pytest.raises(client.exceptions.TaskTimedOut):
        client.send_task_heartbeat(taskToken=first["taskToken"])
    client.send_task_heartbeat(taskToken=second["taskToken"])
    client.send_task_success(taskToken=second["taskToken"], output='"done"')
    described = fleet.ended(execution)
    assert described["output"] == '"done"'
    with pytest.raises(client.exceptions.TaskTimedOut):
        client.send_task_success(taskToken=second["taskToken"], output='"twice"')


def test_an_error_that_an_sdk_reports_is_the_error_of_the_state(fleet: Fleet) -> None:
    client = fleet.client("stepfunctions")
    execution = fleet.start("works", n=5)
    task = client.get_activity_task(activityArn=OF_WORK)
    client.send_task_failure(taskToken=task["taskToken"], error="Out.OfStock", cause="none are left")
    described = fleet.ended(execution)
    assert (described["status"], described["error"]) == ("FAILED", "Out.OfStock")
    assert json.loads(described["cause"]) == {"errorMessage": "none are left", "errorType": "Out.OfStock"}


def test_a_call_that_nobody_wants_any_more_is_taken_from_its_worker(impatient: Fleet) -> None:
    fleet = impatient
    fleet.work("a", "--function", "gated")
    execution = fleet.start("gated", gate=str(fleet.folder / "never"))
    until(fleet.runs)
    fleet.client("stepfunctions").stop_execution(executionArn=execution)
    until(lambda: "no longer wanted" in fleet.said("a"))
    gate = fleet.folder / "gate"
    gate.touch()
    assert fleet.ended(fleet.start("gated", gate=str(gate)))["status"] == "SUCCEEDED"


def test_a_call_is_handed_out_again_where_its_worker_and_the_server_were_killed(impatient: Fleet) -> None:
    fleet = impatient
    gate = fleet.folder / "gate"
    fleet.work("a", "--function", "gated")
    execution = fleet.start("gated", gate=str(gate))
    until(fleet.runs)
    fleet.kill("a")
    fleet.restart()
    fleet.work("b", "--function", "gated")
    until(lambda: "b" in [run["worker"] for run in fleet.runs()])
    gate.touch()
    assert json.loads(fleet.ended(execution)["output"]) == {"worker": "b"}


def test_calls_that_wait_for_a_worker_hold_up_no_stop_of_the_server(tmp_path: Path) -> None:
    with ExitStack() as stack:
        fleet = Fleet(tmp_path, stack)
        fleet.serve(STEPWELL_GRACE="600")
        execution = fleet.start("works", n=1)
        until(lambda: "LambdaFunctionScheduled" in fleet.event_types(execution))
        assert fleet.server is not None
        assert fleet.server.terminate() == 0
        fleet.serve(fleet.server.port)
        fleet.work("a", "--function", "work")
        assert fleet.ended(execution)["status"] == "SUCCEEDED"


def test_a_job_runs_on_a_worker_and_its_progress_is_told(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with ExitStack() as stack:
        fleet = Fleet(tmp_path, stack)
        fleet.serve(STEPWELL_REMOTE_FUNCTIONS="job-*")
        fleet.work("a", "--function", "job-far")
        assert fleet.server is not None
        with httpx.Client(base_url=fleet.server.url, timeout=PATIENCE) as http:
            started = http.post("/jobs/far", json={"gate": str(gate)})
            assert started.status_code == 202
            place = started.headers["Location"]
            until(lambda: (http.get(place).json().get("progress") or {}).get("message") == "fetching")
            gate.touch()
            ended = until(lambda: (found := http.get(place).json())["status"] == "COMPLETED" and found)
            assert ended["outputs"] == "a"
