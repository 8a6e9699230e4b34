"""The wire: AWS JSON 1.0, whatever is sent."""

from __future__ import annotations

import json
import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepwell.api.endpoint import MAX_BODY
from stepwell.api.handlers import HANDLERS
from stepwell.api.service_model import INPUTS, SHAPES
from stepwell.store.protocol import StoreFull

SCOPE = "AWS4-HMAC-SHA256 Credential=AKID/20240131/{}/states/aws4_request, SignedHeaders=host, Signature=0"


async def test_an_answer_is_aws_json_with_a_request_id(aws) -> None:
    answer = await aws.post("ListStateMachines", {})
    assert answer.headers["content-type"] == "application/x-amz-json-1.0"
    assert len(answer.headers["x-amzn-requestid"]) == 36
    assert answer.json() == {"stateMachines": []}


async def test_a_refusal_has_a_type_a_message_and_a_request_id(aws) -> None:
    answer = await aws.post("DescribeActivity", {"activityArn": "no"})
    assert answer.status_code == 400
    assert answer.json() == {"__type": "InvalidArn", "message": "Invalid Arn: 'Invalid ARN prefix: no'"}
    assert "x-amzn-requestid" in answer.headers


@pytest.mark.parametrize(
    "body", [b"{", b"\xff\xfe", b'{"a": NaN}', b'{"a": "\\ud800"}', b"[" * 100_000, b'{"a":' * 5_000]
)
async def test_what_is_not_json_cannot_be_read(aws, body: bytes) -> None:
    answer = await aws.post("ListStateMachines", body)
    assert (answer.status_code, answer.json()["__type"]) == (400, "SerializationException")


async def test_an_empty_body_is_an_empty_request(aws) -> None:
    assert (await aws.post("ListActivities", b"")).json() == {"activities": []}


async def test_a_body_beyond_the_limit_is_refused(aws) -> None:
    answer = await aws.post("ListStateMachines", b" " * (MAX_BODY + 1))
    assert (answer.status_code, answer.json()["__type"]) == (413, "RequestEntityTooLargeException")


async def test_a_body_beyond_the_limit_is_refused_when_its_length_is_not_told(aws) -> None:
    async def chunks():
        for _ in range(3):
            yield b" " * (MAX_BODY // 2)

    headers = {"x-amz-target": "AWSStepFunctions.ListActivities", "content-type": "application/x-amz-json-1.0"}
    answer = await aws.http.post("/", content=chunks(), headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/x-www-form-urlencoded", ""])
async def test_no_form_or_script_of_a_web_page_is_taken(aws, content_type: str) -> None:
    answer = await aws.post("ListStateMachines", {}, **{"content-type": content_type})
    assert answer.status_code == 415
    assert "application/x-amz-json-1.0" in answer.json()["message"]


@pytest.mark.parametrize("content_type", ["application/x-amz-json-1.1", "Application/X-Amz-Json-1.0; charset=utf-8"])
async def test_the_content_type_may_be_written_otherwise(aws, content_type: str) -> None:
    assert (await aws.post("ListStateMachines", {}, **{"content-type": content_type})).status_code == 200


@pytest.mark.parametrize("target", ["", "AWSStepFunctions.Dance", "Other.ListStateMachines"])
async def test_an_unknown_operation_is_told_so(aws, target: str) -> None:
    answer = await aws.post("", {}, **{"x-amz-target": target})
    assert (answer.status_code, answer.json()["__type"]) == (400, "UnknownOperationException")


@pytest.mark.parametrize("operation", sorted(set(INPUTS) - set(HANDLERS)))
async def test_an_operation_that_is_not_there_yet_is_named(aws, operation: str) -> None:
    assert await aws.fault(operation) == (
        "UnknownOperationException",
        f"The operation {operation} is not supported yet",
    )


async def test_a_foreign_host_is_refused_whatever_it_asks_for(aws) -> None:
    for call in (
        aws.post("ListStateMachines", {}, host="evil.com"),
        aws.http.get("/health", headers={"host": "evil.com"}),
    ):
        answer = await call
        assert answer.status_code == 403
        assert "STEPWELL_ALLOWED_HOSTS" in answer.json()["message"]
        assert "allowed_hosts in stepwell.toml" in answer.json()["message"]


async def test_other_paths_and_methods_are_not_the_aws_endpoint(aws) -> None:
    assert (await aws.http.get("/health")).json() == {"status": "ok"}
    assert (await aws.http.post("/elsewhere")).status_code == 404
    assert (await aws.http.get("/")).status_code == 404


async def test_a_failure_inside_is_logged_and_not_told(aws, monkeypatch, caplog) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("the innermost secret")

    monkeypatch.setattr(type(aws.context.store), "list_machines", fail)
    with caplog.at_level(logging.ERROR, "stepwell.api"):
        answer = await aws.post("ListStateMachines", {})
    assert (answer.status_code, answer.json()["__type"]) == (500, "InternalFailure")
    assert "secret" not in answer.text
    assert answer.headers["x-amzn-requestid"] in caplog.text
    assert "the innermost secret" in caplog.text


async def test_while_the_engine_stops_clients_are_told_to_come_again(aws) -> None:
    machine = await aws.create()
    await aws.context.engine.stop(0)
    answer = await aws.post("StartExecution", {"stateMachineArn": machine})
    assert (answer.status_code, answer.json()["__type"]) == (503, "ServiceUnavailable")


async def test_a_full_disk_is_told_and_logged_in_one_line(aws, monkeypatch, caplog) -> None:
    async def fail(*_: object) -> None:
        raise StoreFull("/data/stepwell.db: the disk is full")

    machine = await aws.create()
    monkeypatch.setattr(type(aws.context.engine), "start_execution", fail)
    answer = await aws.post("StartExecution", {"stateMachineArn": machine})
    assert (answer.status_code, answer.json()["__type"]) == (503, "ServiceUnavailable")
    assert "disk of the server is full" in answer.json()["message"]
    assert "/data" not in answer.text
    [record] = [record for record in caplog.records if record.name == "stepwell.api"]
    assert "/data/stepwell.db: the disk is full" in record.getMessage()
    assert record.exc_info is None


async def test_regions_are_separate_name_spaces(aws) -> None:
    for region in ("us-east-1", "eu-west-1"):
        made = await aws.post("CreateActivity", {"name": "pack"}, authorization=SCOPE.format(region))
        assert made.json()["activityArn"] == f"arn:aws:states:{region}:123456789012:activity:pack"
        listed = await aws.post("ListActivities", {}, authorization=SCOPE.format(region))
        assert [activity["activityArn"] for activity in listed.json()["activities"]] == [made.json()["activityArn"]]


async def test_a_request_without_a_signature_is_of_the_default_region(aws) -> None:
    assert ":us-east-1:" in (await aws("CreateActivity", name="pack"))["activityArn"]


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
arns = st.sampled_from(
    ["stateMachine:m", "stateMachine:m:1", "execution:m:e", "activity:a", "mapRun:m/l:x", "express:a:b:c"]
)
members = (
    values | st.sampled_from(["", "{}", "[1]", "null", "x" * 300]) | arns.map("arn:aws:states:us-east-1:1:".__add__)
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
async def test_no_body_whatever_breaks_the_server(aws, data: st.DataObject) -> None:
    operation = data.draw(st.sampled_from(sorted(set(HANDLERS) - {"GetActivityTask"})))
    names = st.sampled_from(sorted(SHAPES[INPUTS[operation]]["members"]) or ["none"])
    body = data.draw(st.dictionaries(names, members).map(lambda d: json.dumps(d).encode()) | st.binary(max_size=40))
    answer = await aws.post(operation, body)
    assert answer.status_code in (200, 400), answer.text
    assert answer.status_code == 200 or set(answer.json()) >= {"__type", "message"}
