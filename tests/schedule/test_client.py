"""EventBridge Scheduler's own client, boto3, against a server with an app."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from tests.patience import PATIENCE, until
from tests.server import Server, serving

ROOT = Path(__file__).parents[2]
STATES = "arn:aws:states:us-east-1:123456789012"
MACHINE = f"{STATES}:stateMachine:echo"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:Note"
ROLE = "arn:aws:iam::123456789012:role/scheduler"
OFF = {"Mode": "OFF"}
APP = """
from pathlib import Path

from stepwell import Stepwell

app = Stepwell()
app.machine("echo.asl.json")
app.machine("held.asl.json")
app.schedule("declared", "rate(1 day)", machine="echo", input={"by": "the app"})
app.schedule("later", "cron(0 8 1 1 ? 2199)", function="Note", timezone="Europe/Berlin", group="reports")


@app.function("Note")
def note(event, context):
    with Path("notes").open("a") as notes:
        notes.write(event["text"] + "\\n")
"""
ECHO = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
HELD = {"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 3600, "End": True}}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("scheduler")
    (folder / "book.py").write_text(APP)
    (folder / "echo.asl.json").write_text(json.dumps(ECHO))
    (folder / "held.asl.json").write_text(json.dumps(HELD))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with serving(folder, ["book:app"], environment={"PYTHONPATH": f"{folder}:{ROOT}"}) as server:
            yield server


def client(server: Server, service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )


@pytest.fixture(scope="module")
def scheduler(server: Server) -> Any:
    return client(server, "scheduler")


@pytest.fixture(scope="module")
def states(server: Server) -> Any:
    return client(server, "stepfunctions")


def runs(states: Any, name: str, machine: str = MACHINE) -> list[dict[str, Any]]:
    found = states.list_executions(stateMachineArn=machine)["executions"]
    return [each for each in found if each["name"].startswith(f"{name}-2")]


def test_a_schedule_is_written_read_changed_and_deleted(scheduler: Any) -> None:
    start = datetime(2090, 1, 1, tzinfo=UTC)
    target = {"Arn": MACHINE, "RoleArn": ROLE, "Input": '{"n": 1}', "RetryPolicy": {"MaximumRetryAttempts": 3}}
    window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15}
    made = scheduler.create_schedule(
        Name="whole",
        ScheduleExpression="cron(0 8 ? * MON-FRI *)",
        ScheduleExpressionTimezone="Europe/Berlin",
        StartDate=start,
        EndDate=start + timedelta(days=365),
        Description="each working day",
        State="DISABLED",
        FlexibleTimeWindow=window,
        Target=target,
        ActionAfterCompletion="DELETE",
    )
    assert made["ScheduleArn"] == "arn:aws:scheduler:us-east-1:123456789012:schedule/default/whole"
    found = scheduler.get_schedule(Name="whole")
    assert found["Target"] == target
    assert found["FlexibleTimeWindow"] == window
    assert found["StartDate"] == start
    assert (found["State"], found["GroupName"], found["ActionAfterCompletion"]) == ("DISABLED", "default", "DELETE")
    assert found["ScheduleExpressionTimezone"] == "Europe/Berlin"
    scheduler.update_schedule(
        Name="whole",
        ScheduleExpression="rate(3 hours)",
        FlexibleTimeWindow=OFF,
        Target={"Arn": MACHINE, "RoleArn": ROLE},
        State="DISABLED",
    )
    changed = scheduler.get_schedule(Name="whole")
    assert changed["ScheduleExpression"] == "rate(3 hours)"
    assert "Description" not in changed
    assert changed["CreationDate"] == found["CreationDate"]
    scheduler.delete_schedule(Name="whole")
    with pytest.raises(ClientError) as refused:
        scheduler.get_schedule(Name="whole")
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_due_schedule_starts_one_execution_with_its_context_attributes(scheduler: Any, states: Any) -> None:
    text = (
        '{"at": "<aws.scheduler.scheduled-time>", "by": "<aws.scheduler.schedule-arn>",'
        ' "try": <aws.scheduler.attempt-number>, "id": "<aws.scheduler.execution-id>"}'
    )

    def create(name: str, expression: str) -> str:
        return scheduler.create_schedule(
            Name=name,
            ScheduleExpression=expression,
            FlexibleTimeWindow=OFF,
            Target={"Arn": MACHINE, "RoleArn": ROLE, "Input": text},
            ActionAfterCompletion="DELETE",
        )["ScheduleArn"]

    for seconds in (1, 4, 16, 64):
        name, moment = f"once{seconds}", datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)
        arn = create(name, f"at({moment:%Y-%m-%dT%H:%M:%S})")
        if datetime.now(UTC) < moment:
            break  # else a busy machine has made it only when the moment had gone by
    (run,) = until(lambda: runs(states, name))
    input = json.loads(states.describe_execution(executionArn=run["executionArn"])["input"])
    assert input.pop("id")
    assert input == {"at": f"{moment:%Y-%m-%dT%H:%M:%SZ}", "by": arn, "try": 1}

    def gone() -> bool:
        return all(each["Name"] != name for each in scheduler.list_schedules()["Schedules"])

    until(gone)
    assert len(runs(states, name)) == 1


def test_a_rate_without_a_start_date_begins_at_once(scheduler: Any, states: Any) -> None:
    target = {"Arn": MACHINE, "RoleArn": ROLE}
    scheduler.create_schedule(Name="rate", ScheduleExpression="rate(1 hour)", FlexibleTimeWindow=OFF, Target=target)
    (run,) = until(lambda: runs(states, "rate"))
    event = json.loads(states.describe_execution(executionArn=run["executionArn"])["input"])
    assert (event["source"], event["detail-type"], event["detail"]) == ("aws.scheduler", "Scheduled Event", "{}")


def test_a_universal_target_and_a_function_are_started_too(scheduler: Any, states: Any, server: Server) -> None:
    universal = {
        "Arn": "arn:aws:scheduler:::aws-sdk:sfn:startExecution",
        "RoleArn": ROLE,
        "Input": json.dumps(
            {"StateMachineArn": MACHINE, "Input": '{"u": 1}', "Name": "named-<aws.scheduler.execution-id>"}
        ),
    }
    scheduler.create_schedule(
        Name="universal", ScheduleExpression="rate(1 day)", FlexibleTimeWindow=OFF, Target=universal
    )
    noting = {"Arn": FUNCTION, "RoleArn": ROLE, "Input": '{"text": "hello"}'}
    scheduler.create_schedule(Name="noting", ScheduleExpression="rate(1 day)", FlexibleTimeWindow=OFF, Target=noting)

    def named() -> list[str]:
        found = states.list_executions(stateMachineArn=MACHINE)["executions"]
        return [each["name"] for each in found if each["name"].startswith("named-")]

    assert len(until(named)) == 1
    notes = server.log.parent / "notes"
    assert until(lambda: notes.exists() and notes.read_text()) == "hello\n"


def test_a_paused_schedule_starts_nothing_and_goes_on_when_it_is_resumed(scheduler: Any, states: Any) -> None:
    target = {"Arn": MACHINE, "RoleArn": ROLE}
    given = {"ScheduleExpression": "rate(1 second)", "FlexibleTimeWindow": OFF, "Target": target}
    scheduler.create_schedule(Name="paused", State="DISABLED", **given)
    scheduler.create_schedule(Name="beside", **given)
    until(lambda: runs(states, "beside"))
    assert runs(states, "paused") == []
    scheduler.update_schedule(Name="paused", State="ENABLED", **given)
    until(lambda: len(runs(states, "paused")) > 1)
    for name in ("paused", "beside"):
        scheduler.delete_schedule(Name=name)


def test_a_run_is_left_out_while_the_former_still_runs(server: Server, states: Any, scheduler: Any) -> None:
    body = {
        "ScheduleExpression": "rate(1 second)",
        "FlexibleTimeWindow": OFF,
        "Target": {"Arn": f"{STATES}:stateMachine:held", "RoleArn": ROLE},
        "Overlap": "skip",
    }
    assert httpx.post(f"{server.url}/schedules/alone", json=body, timeout=PATIENCE).status_code == 200

    def skipped() -> bool:
        found = httpx.get(f"{server.url}/schedules/alone", timeout=PATIENCE).json()
        return "still runs" in found.get("LastError", "")

    until(skipped)
    (held,) = runs(states, "alone", f"{STATES}:stateMachine:held")
    states.stop_execution(executionArn=held["executionArn"])
    until(lambda: len(runs(states, "alone", f"{STATES}:stateMachine:held")) == 2)
    scheduler.delete_schedule(Name="alone")


def test_an_app_declares_schedules(scheduler: Any, states: Any) -> None:
    (run,) = until(lambda: runs(states, "declared"))
    assert states.describe_execution(executionArn=run["executionArn"])["input"] == '{"by": "the app"}'
    found = scheduler.get_schedule(Name="later", GroupName="reports")
    assert found["Target"]["Arn"] == FUNCTION


def test_groups_have_tags_and_go_with_their_schedules(scheduler: Any) -> None:
    made = scheduler.create_schedule_group(Name="team", Tags=[{"Key": "a", "Value": "1"}])
    arn = made["ScheduleGroupArn"]
    assert scheduler.get_schedule_group(Name="team")["State"] == "ACTIVE"
    scheduler.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    scheduler.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    target = {"Arn": MACHINE, "RoleArn": ROLE}
    given = {"ScheduleExpression": "rate(1 day)", "FlexibleTimeWindow": OFF, "Target": target, "State": "DISABLED"}
    for n in range(3):
        scheduler.create_schedule(Name=f"t{n}", GroupName="team", **given)
    pages = scheduler.get_paginator("list_schedules").paginate(GroupName="team", PaginationConfig={"PageSize": 2})
    assert [[each["Name"] for each in page["Schedules"]] for page in pages] == [["t0", "t1"], ["t2"]]
    names = [group["Name"] for group in scheduler.list_schedule_groups()["ScheduleGroups"]]
    assert {"default", "team"} <= set(names)
    scheduler.delete_schedule_group(Name="team")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        scheduler.get_schedule(Name="t0", GroupName="team")
    with pytest.raises(ClientError, match="default schedule group cannot be deleted"):
        scheduler.delete_schedule_group(Name="default")


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"ScheduleExpression": "rate(0 minutes)"}, "ValidationException", "Invalid Schedule Expression"),
        ({"ScheduleExpression": "cron(0 8 * * * *)"}, "ValidationException", "? in one of"),
        ({"ScheduleExpressionTimezone": "Mars/Olympus"}, "ValidationException", "no time zone"),
        ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}, "ValidationException", "MaximumWindowInMinutes"),
        ({"Target": {"Arn": MACHINE, "RoleArn": ROLE, "Input": "{"}}, "ValidationException", "Input is no JSON"),
        (
            {"Target": {"Arn": "arn:aws:sqs:us-east-1:123456789012:q", "RoleArn": ROLE}},
            "ValidationException",
            "cannot be started here",
        ),
        (
            {"Target": {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "RoleArn": ROLE}},
            "ValidationException",
            "cannot be started here",
        ),
        ({"GroupName": "nowhere"}, "ResourceNotFoundException", "nowhere"),
        ({"Name": "declared"}, "ConflictException", "already exists"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_awss_words(scheduler: Any, change: dict, code: str, says: str) -> None:
    given = {
        "Name": "refused",
        "ScheduleExpression": "rate(1 day)",
        "FlexibleTimeWindow": OFF,
        "Target": {"Arn": MACHINE, "RoleArn": ROLE},
    }
    with pytest.raises(ClientError) as refused:
        scheduler.create_schedule(**{**given, **change})
    assert refused.value.response["Error"]["Code"] == code
    assert says in refused.value.response["Error"]["Message"]


def test_the_same_request_again_is_the_same_schedule(scheduler: Any) -> None:
    given = {
        "Name": "again",
        "ScheduleExpression": "rate(1 day)",
        "FlexibleTimeWindow": OFF,
        "Target": {"Arn": MACHINE, "RoleArn": ROLE},
        "State": "DISABLED",
        "ClientToken": "token-1",
    }
    assert scheduler.create_schedule(**given)["ScheduleArn"] == scheduler.create_schedule(**given)["ScheduleArn"]
