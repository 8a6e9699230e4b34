"""Notifications of a server's executions: webhooks that are really asked, and what kills leave."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepwell.commands.endpoint import Endpoint, Refused
from tests import server
from tests.notify.receiver import Receiver
from tests.patience import until

ROOT = Path(__file__).parents[2]
ROLE = "arn:aws:iam::123456789012:role/x"
SECRET = "a-secret-that-only-this-test-knows"
APP = """
from stepwell import Stepwell

app = Stepwell()
app.machine("passes.asl.json")
app.machine("fails.asl.json")
app.machine("held.asl.json")
app.notify("fails", webhook="{url}/failed", on=["FAILED"])
app.notify(webhook="{url}/all", secret="HOOK_SECRET", on=["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"])
"""
PASSES = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": {"done": True}, "End": True}}}
FAILS = {"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "No", "Cause": "closed"}}}
HELD = {"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 3600, "End": True}}}
ALLOWED = {"STEPWELL_HTTP_ALLOWED_HOSTS": "127.0.0.1", "HOOK_SECRET": SECRET}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().listening() as receiver:
        yield receiver


def folder_with_app(folder: Path, url: str) -> Path:
    (folder / "telling.py").write_text(APP.replace("{url}", url))
    for name, definition in (("passes", PASSES), ("fails", FAILS), ("held", HELD)):
        (folder / f"{name}.asl.json").write_text(json.dumps(definition))
    return folder


def start(folder: Path, **environment: str) -> server.Server:
    given = {"PYTHONPATH": f"{folder}:{ROOT}", **ALLOWED, **environment}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return server.start(folder, ["telling:app"], environment=given)


@pytest.fixture
def endpoint(tmp_path: Path, receiver: Receiver) -> Iterator[Endpoint]:
    alive = start(folder_with_app(tmp_path, receiver.url))
    yield Endpoint(alive.url)
    alive.kill()
    assert SECRET not in alive.log.read_text()
    assert SECRET.encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("stepwell.db*"))


def machine(name: str) -> str:
    return f"arn:aws:states:us-east-1:123456789012:stateMachine:{name}"


def told(receiver: Receiver, path: str = "/all") -> list[tuple[str, str]]:
    """What was told there: names of executions and their statuses."""
    return [
        (event["detail"]["name"], event["detail"]["status"])
        for (at, _, _), event in zip(receiver.taken, receiver.bodies(), strict=True)
        if at == path
    ]


def test_a_webhook_hears_of_each_change_in_order_and_can_tell_who_sent_it(
    endpoint: Endpoint, receiver: Receiver
) -> None:
    started = endpoint.call("StartExecution", stateMachineArn=machine("passes"), name="one", input='{"n":1}')
    until(lambda: len(receiver.taken) == 2)
    assert told(receiver) == [("one", "RUNNING"), ("one", "SUCCEEDED")]
    _, headers, body = receiver.taken[1]
    event = json.loads(body)
    assert event["source"] == "aws.states"
    assert event["detail-type"] == "Step Functions Execution Status Change"
    assert event["resources"] == [started["executionArn"]]
    detail = event["detail"]
    assert (detail["input"], detail["output"]) == ('{"n":1}', '{"done":true}')
    assert detail["stopDate"] >= detail["startDate"] == round(started["startDate"] * 1000)
    assert headers["webhook-id"] == event["id"]
    signed = f"{event['id']}.{headers['webhook-timestamp']}.".encode() + body
    proof = base64.b64encode(hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{proof}"
    assert abs(time.time() - int(headers["webhook-timestamp"])) < 60


def test_a_rule_hears_of_its_machine_and_its_statuses_only(endpoint: Endpoint, receiver: Receiver) -> None:
    for name in ("passes", "fails"):
        endpoint.call("StartExecution", stateMachineArn=machine(name), name=f"a-{name}")
    until(lambda: len(receiver.taken) == 5)
    assert told(receiver, "/failed") == [("a-fails", "FAILED")]
    (event,) = [body for (path, _, _), body in zip(receiver.taken, receiver.bodies(), strict=True) if path == "/failed"]
    assert (event["detail"]["error"], event["detail"]["cause"]) == ("No", "closed")


def test_a_stop_and_a_redrive_are_told(endpoint: Endpoint, receiver: Receiver) -> None:
    arn = endpoint.call("StartExecution", stateMachineArn=machine("held"), name="h")["executionArn"]
    endpoint.call("StopExecution", executionArn=arn, error="E", cause="C")
    endpoint.call("RedriveExecution", executionArn=arn)
    endpoint.call("StopExecution", executionArn=arn)
    until(lambda: len(receiver.taken) == 4)
    assert [status for _, status in told(receiver)] == ["RUNNING", "ABORTED", "RUNNING", "ABORTED"]
    ids = {headers["webhook-id"] for _, headers, _ in receiver.taken}
    assert len(ids) == 4


def test_rules_come_and_go_while_the_server_runs(endpoint: Endpoint, receiver: Receiver) -> None:
    rule = endpoint.send("POST", "/notifications/rules", {"machine": "held", "webhook": f"{receiver.url}/mine"})
    arn = endpoint.call("StartExecution", stateMachineArn=machine("held"), name="first")["executionArn"]
    endpoint.call("StopExecution", executionArn=arn)
    until(lambda: told(receiver, "/mine") == [("first", "ABORTED")])
    endpoint.send("DELETE", f"/notifications/rules/{rule['id']}")
    with pytest.raises(Refused, match="There is no rule"):
        endpoint.send("DELETE", f"/notifications/rules/{rule['id']}")
    arn = endpoint.call("StartExecution", stateMachineArn=machine("held"), name="second")["executionArn"]
    endpoint.call("StopExecution", executionArn=arn)
    until(lambda: ("second", "ABORTED") in told(receiver))
    assert told(receiver, "/mine") == [("first", "ABORTED")]


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({}, "one of webhook"),
        ({"webhook": "ftp://example.com"}, "no address that begins with https://"),
        ({"webhook": "https://user:pass@example.com"}, "no user's name or password"),
        ({"webhook": "https://example.com", "secret": "not a variable!"}, "never the secret itself"),
        ({"webhook": "https://example.com", "on": ["DONE"]}, "DONE"),
        ({"topic": "arn:aws:sqs:us-east-1:123456789012:q"}, "no ARN of an SNS topic"),
        ({"webhook": "https://example.com", "bus": "default"}, "one of webhook"),
        ({"url": "https://example.com"}, "url"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused(endpoint: Endpoint, rule: dict, says: str) -> None:
    with pytest.raises(Refused, match=says):
        endpoint.send("POST", "/notifications/rules", rule)


def test_an_address_that_is_not_public_is_not_called_unless_it_is_allowed(tmp_path: Path, receiver: Receiver) -> None:
    alive = start(folder_with_app(tmp_path, receiver.url), STEPWELL_HTTP_ALLOWED_HOSTS="other.example")
    try:
        endpoint = Endpoint(alive.url)
        endpoint.call("StartExecution", stateMachineArn=machine("fails"), name="a")
        dead = until(lambda: len(found := endpoint.send("GET", "/notifications/dead")["dead"]) == 3 and found)
    finally:
        alive.kill()
    assert receiver.taken == []
    assert all("http_allowed_hosts" in each["error"] for each in dead)


def test_nothing_that_was_told_is_lost_or_out_of_order_whatever_is_killed(tmp_path: Path, receiver: Receiver) -> None:
    """The receiver refuses some, the server is killed at random: each change arrives, first in the order they had."""
    seed = int(os.environ.get("SEED", random.randrange(1_000_000)))
    print(f"SEED={seed}")
    draw = random.Random(seed)
    folder_with_app(tmp_path, receiver.url)
    alive = start(tmp_path)
    started = []
    try:
        for kill in range(4):
            endpoint = Endpoint(alive.url)
            for n in range(15):
                name = f"x{kill}-{n}"
                endpoint.call("StartExecution", stateMachineArn=machine("passes"), name=name)
                started.append(name)
            time.sleep(draw.uniform(0, 0.3))
            alive.kill()
            alive = start(tmp_path)
        wanted = {(name, status) for name in started for status in ("RUNNING", "SUCCEEDED")}
        until(lambda: wanted <= set(told(receiver)))
    finally:
        alive.kill()
    first: dict[str, list[str]] = {}
    for name, status in told(receiver):
        if status not in first.setdefault(name, []):
            first[name].append(status)
    assert all(order == ["RUNNING", "SUCCEEDED"] for order in first.values())
    ids = {(headers["webhook-id"], body) for _, headers, body in receiver.taken}
    assert len(ids) == len(wanted)
