"""The state machine in virtual time, with the real handler and boto3's real client against a DRS that listens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import boto3
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import apps.recovery
from apps.catalog.tests.conftest import listening
from apps.recovery.handler import UnknownAction, handler
from apps.recovery.polling import poll
from apps.recovery.tests.conftest import PLANS, World, server
from stepwell.language.definition import validate_definition
from stepwell.language.lint.data_flow import lint_definition
from stepwell.testing import Result, run
from tests.patience import PATIENCE

DEFINITION = Path(apps.recovery.__file__).with_name("recovery.asl.json")
MACHINE = "recovery-orchestration-dev"
SHOP = PLANS["Plans"]["shop"]["Waves"]


def recovered(waves: Any = SHOP, kind: str = "drill") -> Result:
    given = {"waves": waves, "execution_id": "e-1", "execution_type": kind}
    return run(MACHINE, given, app="apps.recovery:app", seconds=PATIENCE)


def wave_statuses(world: World) -> list[str]:
    found = world.records.find("e-1")
    assert found is not None
    return [wave.status for wave in found.waves]


def test_the_definition_is_valid_and_its_data_flows() -> None:
    text = DEFINITION.read_text("utf-8")
    assert validate_definition(text, severity="WARNING") == ()
    assert lint_definition(text, {"waves": SHOP, "execution_id": "e", "execution_type": "drill"}) == ()


def test_an_iteration_that_is_not_handed_the_execution_is_told_before_anything_runs() -> None:
    """The trap of the original: its iterator read `$.execution_id` from the Map item, which does not hold it."""
    definition = json.loads(DEFINITION.read_text("utf-8"))
    del definition["States"]["ProcessWaves"]["ItemSelector"]
    text = json.dumps(definition)
    assert validate_definition(text) == ()
    place = "/States/ProcessWaves/ItemProcessor/States/StartWave/Parameters/execution_id.$"
    assert place in [found.location for found in lint_definition(text)]
    example = {"waves": SHOP, "execution_id": "e", "execution_type": "drill"}
    assert ("ERROR", place) in [(found.severity, found.location) for found in lint_definition(text, example)]


def test_waves_run_one_after_another_each_with_one_call_for_all_its_servers(world: World) -> None:
    world.drs.behaviour.page_size = 2
    result = recovered()
    result.assert_succeeded()
    assert world.calls("StartRecovery") == [
        {"sourceServers": [{"sourceServerID": id} for id in PLANS["ProtectionGroups"][group]], "isDrill": True}
        for group in ("db", "app", "web")
    ]
    assert result.duration == 3 * 3 * 30  # each job ends with the third check
    results = json.loads(result.events[-1]["executionSucceededEventDetails"]["output"])["results"]
    assert [wave["wave_result"]["wave_number"] for wave in results] == [1, 2, 3]
    status = results[1]["status_result"]
    assert (status["status"], status["job_status"], status["failed_servers"]) == ("COMPLETED", "COMPLETED", [])
    assert set(status["server_statuses"]) == {server("app1"), server("app2"), server("app3")}  # from several pages
    for found in status["server_statuses"].values():
        assert (found["status"], found["instance_id"][:2]) == ("LAUNCH_FINISHED", "i-")
        assert found["timestamp"]
    assert wave_statuses(world) == ["COMPLETED"] * 3
    record = world.records.find("e-1")
    assert record is not None
    assert record.status == "COMPLETED"


def test_a_recovery_is_no_drill(world: World) -> None:
    recovered(kind="recovery").assert_succeeded()
    assert {call["isDrill"] for call in world.calls("StartRecovery")} == {False}


def test_a_wave_without_servers_is_complete_at_once(world: World) -> None:
    result = recovered([{"WaveNumber": 7, "ProtectionGroups": ["none"]}])
    result.assert_succeeded()
    assert (result.duration, world.drs.calls) == (0, [])
    (wave,) = json.loads(result.events[-1]["executionSucceededEventDetails"]["output"])["results"]
    assert wave["wave_result"] == {
        "status": "COMPLETED",
        "job_id": None,
        "wave_number": 7,
        "message": "No servers in wave",
    }


def test_a_server_that_does_not_launch_stops_the_run(world: World) -> None:
    world.drs.behaviour.fail_servers = [server("app2")]
    result = recovered()
    result.assert_failed("WaveExecutionFailed", "Wave 2 of execution e-1 failed")
    assert len(world.calls("StartRecovery")) == 2  # the third wave never started
    assert wave_statuses(world) == ["COMPLETED", "FAILED"]
    wave = world.records.wave("e-1", 2)
    assert (wave.failed_servers, wave.message) == ([server("app2")], f"Servers failed to launch: {server('app2')}")
    assert [heard["status"] for heard in world.webhook.heard] == ["COMPLETED", "FAILED"]


def test_a_job_that_failed_and_one_that_is_not_found_stop_the_run(world: World) -> None:
    world.drs.behaviour.job_status = "FAILED"
    recovered().assert_failed("WaveExecutionFailed")
    assert world.records.wave("e-1", 1).job_status == "FAILED"


def test_a_job_that_is_not_found_stops_the_run(world: World) -> None:
    world.drs.behaviour.lost_jobs = ["*"]
    recovered().assert_failed("WaveExecutionFailed")
    assert world.records.wave("e-1", 1).message == "Job not found"


def test_an_answer_that_is_lost_starts_no_second_job(world: World) -> None:
    world.drs.behaviour.lose_next = 1
    recovered(SHOP[:1]).assert_succeeded()
    assert len(world.calls("StartRecovery")) == 1
    assert world.records.wave("e-1", 1).job_id is not None


def test_failures_that_pass_are_waited_out(world: World) -> None:
    world.drs.behaviour.fail_next = ["ThrottlingException", "InternalServerException"]
    result = recovered(SHOP[:1])
    result.assert_succeeded()
    assert result.attempts("StartWave") == 3
    assert result.duration == 5 + 10 + 90


def test_a_drs_that_stays_away_fails_the_wave_with_its_reason(world: World) -> None:
    world.drs.behaviour.fail_next = ["InternalServerException"] * 50
    result = recovered()
    result.assert_failed("WaveExecutionFailed")
    assert result.attempts("StartWave") == 7
    assert world.records.wave("e-1", 1).message == "InternalServerException: as you wished"
    assert [heard["status"] for heard in world.webhook.heard] == ["FAILED"]


def test_what_drs_refuses_is_not_tried_again(world: World) -> None:
    world.drs.behaviour.fail_next = ["ServiceQuotaExceededException"]
    result = recovered()
    result.assert_failed("WaveExecutionFailed")
    assert result.attempts("StartWave") == 1


def test_a_wave_s_end_is_told_signed_and_later_where_nobody_listens(world: World) -> None:
    world.webhook.failing = True
    recovered(SHOP[:1]).assert_succeeded()
    assert world.records.all_to_notify() == ["e-1"]
    world.webhook.failing = False
    poll({}, None)
    (heard,) = world.webhook.heard
    assert (heard["execution_id"], heard["wave_number"], heard["status"]) == ("e-1", 1, "COMPLETED")
    assert heard["signature"].startswith("sha256=")
    assert world.records.all_to_notify() == []


def test_a_wave_s_end_is_told_to_an_sns_topic(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    published: list[dict[str, list[str]]] = []

    async def publish(request: Request) -> Response:
        published.append(parse_qs((await request.body()).decode()))
        answer = "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>"
        return Response(answer, media_type="text/xml")

    topic = "arn:aws:sns:us-east-1:123456789012:recovery"
    with listening(Starlette(routes=[Route("/", publish, methods=["POST"])])) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", url)
        monkeypatch.setenv("RECOVERY_TOPIC_ARN", topic)
        recovered(SHOP[:1]).assert_succeeded()
    (told,) = published
    assert (told["Action"], told["TopicArn"], told["Subject"]) == (["Publish"], [topic], ["Wave 1 COMPLETED"])
    assert json.loads(told["Message"][0])["job_id"] == world.records.wave("e-1", 1).job_id


@pytest.mark.parametrize("event", [{"action": "reboot"}, {}])
def test_an_action_that_is_not_known_is_named(event: dict[str, str]) -> None:
    with pytest.raises(UnknownAction, match=repr(event.get("action"))):
        handler(event, None)


def test_boto3_pages_through_the_stand_in(world: World) -> None:
    client = boto3.client("drs")
    world.drs.behaviour.page_size, world.drs.behaviour.launch_polls = 1, 100
    for number in range(3):
        client.start_recovery(sourceServers=[{"sourceServerID": server(str(number))}])
    assert len(list(client.get_paginator("describe_jobs").paginate().search("items[]"))) == 3
    with pytest.raises(client.exceptions.ConflictException):
        client.start_recovery(sourceServers=[{"sourceServerID": server("1")}])
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.describe_job_log_items(jobID="drsjob-" + "0" * 17)
