"""Calls of functions that nobody waits for."""

import json

import pytest

from stepwell.engine.dispatch import Failed, Succeeded
from stepwell.language.resource import parse_resource
from stepwell.tasks.lambda_invoke import LambdaInvoke
from stepwell.tasks.lambda_later import DEFINITION, RESOURCE, InvokeLater
from stepwell.tasks.later_call import LIMIT, EventTooLarge, LaterCall


async def outcomes(integration, task):
    return [outcome async for outcome in integration.run(task)]


def test_a_call_is_read_back_from_its_text():
    call = LaterCall(
        request_id="r",
        name="f:3",
        event='{"a":[1,"ü"]}',
        qualifier="3",
        client_context='{"custom":{}}',
        execution_arn="e",
    )
    assert LaterCall.read(call.text()) == call
    assert LaterCall.read(LaterCall(request_id="r", name="f", event="null").text()).event == "null"


def test_a_call_is_as_large_as_the_input_of_an_execution_at_most():
    def call(length: int) -> LaterCall:
        return LaterCall(request_id="r", name="f", event=json.dumps("x" * length))

    most = LIMIT - len(call(0).text())
    assert len(call(most).text()) == LIMIT
    with pytest.raises(EventTooLarge, match=rf"{most + 3} byte payload is too large for the Event invocation type"):
        call(most + 1).text()


async def test_a_kept_call_is_made_under_its_own_request_id(serve, task):
    call = LaterCall(request_id="the-request", name="f", event="{}")
    service = serve("plain:describe")
    assert await outcomes(InvokeLater(service), task(parse_resource(RESOURCE), call.text())) == [Succeeded("null")]
    call = LaterCall(request_id="the-request", name="f", event="{}", execution_arn="the-execution")
    service = serve("plain:raises")
    (failed,) = await outcomes(InvokeLater(service), task(parse_resource(RESOURCE), call.text()))
    assert (failed.error, json.loads(failed.cause)["requestId"]) == ("Exception", "the-request")
    assert {(line.request_id, line.execution) for line in service.logs.lines("f")} == {("the-request", "the-execution")}
    assert json.loads(DEFINITION)["States"]["Invoke"]["Resource"] == RESOURCE


async def test_a_task_that_is_carried_out_again_keeps_no_second_call(serve, task):
    service, kept = serve("plain:echo"), []

    async def keep(call):
        kept.append(call)

    service.keep = keep
    invoke = task(
        parse_resource("arn:aws:states:::lambda:invoke"),
        json.dumps({"FunctionName": "f", "InvocationType": "Event", "Payload": 1}),
    )
    for _ in range(2):
        (outcome,) = await outcomes(LambdaInvoke(service), invoke)
        assert json.loads(outcome.output)["StatusCode"] == 202
    assert kept[0] == kept[1]
    assert kept[0].execution_arn == invoke.execution_arn


async def test_a_task_whose_event_is_too_large_fails(serve, task):
    service = serve("plain:echo")

    async def keep(call):
        call.text()

    service.keep = keep
    large = json.dumps({"FunctionName": "f", "InvocationType": "Event", "Payload": "x" * LIMIT})
    (outcome,) = await outcomes(LambdaInvoke(service), task(parse_resource("arn:aws:states:::lambda:invoke"), large))
    assert isinstance(outcome, Failed)
    assert outcome.error == "Lambda.RequestTooLargeException"
