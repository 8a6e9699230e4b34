"""CloudWatch Logs' API, as boto3 and the AWS CLI use it, over the lines that functions have written."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.cli.conftest import ROOT
from tests.patience import PATIENCE, until
from tests.server import Server, start

APP = """
import json
from stepwell import Stepwell

app = Stepwell()


@app.function("Say")
def say(event, context):
    for word in event["words"]:
        print(json.dumps(word) if isinstance(word, dict) else word)
    return context.log_stream_name


@app.function("Silent")
def silent(event, context):
    return None
"""
GROUP = "/aws/lambda/Say"


class House:
    """A server with a function that says what it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "speaker.py").write_text(APP)
        self.server: Server
        self.serve()

    def serve(self, port: int = 0) -> None:
        environment = {"PYTHONPATH": f"{self.folder}{os.pathsep}{ROOT}", "HOME": str(self.folder)}
        self.server = start(self.folder, ["speaker:app"], port=port, environment=environment)

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.server.url,
            region_name="us-east-1",
            aws_access_key_id="k",
            aws_secret_access_key="s",
            config=Config(retries={"max_attempts": 0}),
        )

    def say(self, *words: Any) -> str:
        answer = self.client("lambda").invoke(FunctionName="Say", Payload=json.dumps({"words": words}))
        return str(json.load(answer["Payload"]))

    def events(self, **members: Any) -> list[dict[str, Any]]:
        pages = self.client("logs").get_paginator("filter_log_events").paginate(logGroupName=GROUP, **members)
        return [event for page in pages for event in page["events"]]

    def messages(self, **members: Any) -> list[str]:
        """What was said, without Lambda's own lines."""
        found = [event["message"] for event in self.events(**members)]
        return [text for text in found if not re.match(r"(START|END|REPORT|INIT_START) ", text)]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    found = House(tmp_path_factory.mktemp("house"))
    yield found
    if found.server.process.poll() is None:
        found.server.kill()


def test_lines_are_found_in_the_function_s_group_and_the_stream_that_it_was_told(house: House) -> None:
    began = int(time.time() * 1000)
    stream = house.say("first", "second")
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream)
    until(lambda: "second" in house.messages(startTime=began))
    found = [event for event in house.events(startTime=began) if event["message"] in ("first", "second")]
    assert [event["message"] for event in found] == ["first", "second"]
    assert {event["logStreamName"] for event in found} == {stream}
    assert len({event["eventId"] for event in found}) == 2
    assert all(began - 1000 <= event["timestamp"] <= event["ingestionTime"] + 1000 for event in found)


def test_a_stream_is_read_from_both_ends(house: House) -> None:
    stream = house.say(*(f"line {n}" for n in range(10)))
    until(lambda: "line 9" in house.messages())
    client = house.client("logs")

    def read(**members: Any) -> tuple[list[str], str, str]:
        answer = client.get_log_events(logGroupName=GROUP, logStreamName=stream, **members)
        return [event["message"] for event in answer["events"]], answer["nextForwardToken"], answer["nextBackwardToken"]

    last, forward, backward = read(limit=3)
    assert read(limit=100)[0][-3:] == last
    assert read(nextToken=forward) == ([], forward, "b" + forward[1:])
    assert set(read(nextToken=backward, limit=100)[0]) >= {f"line {n}" for n in range(7)}
    first, forward, _ = read(limit=1, startFromHead=True)
    assert first + read(nextToken=forward, limit=1000)[0] == read(limit=1000)[0]


def test_a_pattern_of_terms_or_of_json_picks_lines(house: House) -> None:
    house.say("ERROR disk full", "ERROR disk slow", "fine", {"level": "warn", "ms": 12}, {"level": "info", "ms": 900})
    until(lambda: "fine" in house.messages())
    assert house.messages(filterPattern="ERROR -slow") == ["ERROR disk full"]
    assert house.messages(filterPattern='"disk full"') == ["ERROR disk full"]
    assert house.messages(filterPattern="?fine ?slow") == ["ERROR disk slow", "fine"]
    assert house.messages(filterPattern='{ $.level = "w*" || $.ms > 800 }') == [
        '{"level": "warn", "ms": 12}',
        '{"level": "info", "ms": 900}',
    ]
    client = house.client("logs")
    with pytest.raises(client.exceptions.InvalidParameterException, match="pattern"):
        client.filter_log_events(logGroupName=GROUP, filterPattern="{ $.level ~ 3 }")


def test_groups_are_made_described_kept_for_a_time_and_deleted(house: House) -> None:
    client = house.client("logs")
    names = [group["logGroupName"] for group in client.describe_log_groups()["logGroups"]]
    assert {"/aws/lambda/Say", "/aws/lambda/Silent"} <= set(names)
    client.create_log_group(logGroupName="/own/one", tags={"team": "a"})
    with pytest.raises(client.exceptions.ResourceAlreadyExistsException):
        client.create_log_group(logGroupName="/own/one")
    client.put_retention_policy(logGroupName="/own/one", retentionInDays=3)
    (group,) = client.describe_log_groups(logGroupNamePrefix="/own/")["logGroups"]
    assert (group["logGroupName"], group["retentionInDays"]) == ("/own/one", 3)
    assert group["arn"] == "arn:aws:logs:us-east-1:123456789012:log-group:/own/one:*"
    assert client.list_tags_for_resource(resourceArn=group["logGroupArn"])["tags"] == {"team": "a"}
    for days in (0, -1, 4):  # none is a policy of CloudWatch Logs: 0 would keep nothing
        with pytest.raises(ClientError, match="retentionInDays is"):
            client.put_retention_policy(logGroupName="/own/one", retentionInDays=days)
    client.delete_retention_policy(logGroupName="/own/one")
    client.delete_log_group(logGroupName="/own/one")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.filter_log_events(logGroupName="/own/one")
    assert client.filter_log_events(logGroupName="/aws/lambda/Silent")["events"] == []


def test_lines_outlive_a_killed_server(house: House) -> None:
    stream = house.say("before the end")
    until(lambda: "before the end" in house.messages())
    house.server.kill()
    house.serve(house.server.port)
    assert "before the end" in house.messages()
    house.say("after it")
    until(lambda: "after it" in house.messages())
    streams = house.client("logs").describe_log_streams(logGroupName=GROUP, orderBy="LastEventTime", descending=True)
    assert stream in [found["logStreamName"] for found in streams["logStreams"]]
    command = [sys.executable, "-m", "stepwell", "logs", "Say", "--endpoint-url", house.server.url]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
    assert told.index("before the end") < told.index("after it")


def aws_cli_2() -> str | None:
    """The AWS CLI, where there is one that knows `logs tail`."""
    found = shutil.which("aws")
    if found is None:
        return None
    version = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=PATIENCE, check=False)
    return found if version.stdout.startswith("aws-cli/2") else None


def test_the_aws_cli_tails_and_follows_a_function(house: House) -> None:
    aws = aws_cli_2()
    if aws is None:
        pytest.skip("there is no AWS CLI of version 2 here")
    house.say("told before")
    until(lambda: "told before" in house.messages())
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    given = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "us-east-1", "PYTHONUNBUFFERED": "1"}
    command = [aws, "logs", "tail", GROUP, "--follow", "--endpoint-url", house.server.url]
    with (house.folder / "tail").open("wb") as output:
        tail = subprocess.Popen(command, env={**kept, **given}, stdout=output, stderr=subprocess.STDOUT)
    try:
        until(lambda: "told before" in (house.folder / "tail").read_text())
        house.say("told while it follows")
        until(lambda: "told while it follows" in (house.folder / "tail").read_text())
        assert (house.folder / "tail").read_text().count("told before") == 1
    finally:
        tail.kill()
        tail.wait(PATIENCE)


def test_who_asks_on_from_the_last_event_s_time_misses_nothing_and_tells_twice_by_id(house: House) -> None:
    """As `aws logs tail --follow` does it."""
    since, told = int(time.time() * 1000), dict[str, str]()

    def ask() -> set[str]:
        nonlocal since
        for event in house.events(startTime=since, interleaved=True):
            told.setdefault(event["eventId"], event["message"])
            since = max(since, event["timestamp"])
        return set(told.values())

    for n in range(5):
        house.say(f"asked {n}.0", f"asked {n}.1")
        until(lambda n=n: {f"asked {n}.0", f"asked {n}.1"} <= ask())
    assert [text for text in told.values() if text.startswith("asked")] == [
        f"asked {n}.{m}" for n in range(5) for m in (0, 1)
    ]


DEFINITION = {
    "StartAt": "Begin",
    "States": {
        "Begin": {"Type": "Pass", "Next": "End"},
        "End": {"Type": "Fail", "Error": "Sold.Out", "Cause": "none are left"},
    },
}
ARN = "arn:aws:states:us-east-1:123456789012"


def run_logged(house: House, name: str, type: str, level: str, data: bool) -> tuple[str, list[dict[str, Any]]]:
    """The ARN of an execution, and the events that are logged of it, once its end is among them."""
    group = f"/aws/vendedlogs/states/{name}"
    client = house.client("stepfunctions")
    machine = client.create_state_machine(
        name=name,
        type=type,
        definition=json.dumps(DEFINITION),
        roleArn="arn:aws:iam::123456789012:role/x",
        loggingConfiguration={
            "level": level,
            "includeExecutionData": data,
            "destinations": [
                {"cloudWatchLogsLogGroup": {"logGroupArn": f"arn:aws:logs:us-east-1:123456789012:log-group:{group}:*"}}
            ],
        },
    )["stateMachineArn"]
    execution = client.start_execution(stateMachineArn=machine, input='{"n": 1}')["executionArn"]
    logs = house.client("logs")

    def logged() -> list[dict[str, Any]]:
        try:
            events = logs.filter_log_events(logGroupName=group)["events"]
        except logs.exceptions.ResourceNotFoundException:
            return []
        stream = re.compile(rf"states/{name}/[\d-]{{16}}/[0-9a-f]{{8}}")
        assert all(stream.fullmatch(event["logStreamName"]) for event in events)
        return [json.loads(event["message"]) for event in events]

    found = until(lambda: [event for event in logged() if "ExecutionFailed" in [e["type"] for e in logged()]])
    return execution, found


@pytest.mark.parametrize("type", ["STANDARD", "EXPRESS"])
def test_the_events_of_executions_are_in_the_group_that_their_machine_names(house: House, type: str) -> None:
    execution, events = run_logged(house, f"logged-{type}", type, "ALL", True)
    assert [(event["id"], event["previous_event_id"], event["type"]) for event in events] == [
        ("1", "0", "ExecutionStarted"),
        ("2", "0", "PassStateEntered"),
        ("3", "2", "PassStateExited"),
        ("4", "3", "FailStateEntered"),
        ("5", "4", "ExecutionFailed"),
    ]
    assert {event["execution_arn"] for event in events} == {execution}
    assert {event["redrive_count"] for event in events} == {"0"}
    assert all(event["event_timestamp"].isdigit() for event in events)
    assert events[1]["details"] == {"input": '{"n": 1}', "inputDetails": {"truncated": False}, "name": "Begin"}
    assert events[4]["details"] == {"cause": "none are left", "error": "Sold.Out"}


@pytest.mark.parametrize("type", ["STANDARD", "EXPRESS"])
@pytest.mark.parametrize(
    ("level", "types"), [("ERROR", ["FailStateEntered", "ExecutionFailed"]), ("FATAL", ["ExecutionFailed"])]
)
def test_the_level_decides_what_is_logged_and_data_only_where_it_is_asked_for(
    house: House, type: str, level: str, types: list[str]
) -> None:
    _, events = run_logged(house, f"{level}-{type}", type, level, False)
    assert [event["type"] for event in events] == types
    assert not any("input" in event["details"] for event in events)


def test_a_log_group_that_was_deleted_is_no_destination_until_it_is_made_again(house: House) -> None:
    name, group = "left", "/aws/vendedlogs/states/left"
    logs, client = house.client("logs"), house.client("stepfunctions")
    logs.create_log_group(logGroupName=group)
    logs.delete_log_group(logGroupName=group)
    with pytest.raises(client.exceptions.InvalidLoggingConfiguration) as refused:
        run_logged(house, name, "STANDARD", "ALL", False)
    message = refused.value.response["Error"]["Message"]
    assert message == "Invalid Logging Configuration: Log Destination not found."
    logs.create_log_group(logGroupName=group)
    run_logged(house, name, "STANDARD", "ALL", False)
