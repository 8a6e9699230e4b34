"""Calls of functions that nobody waits for."""

import json
import re
import time

import pytest
from msgspec.structs import replace

from stepwell.engine.dispatch import Failed, Succeeded
from stepwell.language.resource import parse_resource
from stepwell.tasks.destinations import Destinations
from stepwell.tasks.kinds.event_calls import EventCalls
from stepwell.tasks.kinds.python_callable import PythonCallable
from stepwell.tasks.lambda_invoke import LambdaInvoke
from stepwell.tasks.lambda_later import RESOURCE, InvokeLater
from stepwell.tasks.later_call import LIMIT, EventTooLarge, KeptCall, LaterCall
from tests.tasks.conftest import HANDLERS


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


def test_an_event_has_lambdas_size_at_most():
    def call(length: int) -> LaterCall:
        return LaterCall(request_id="r", name="f", event=json.dumps("x" * length))

    call(LIMIT - 2).text()
    with pytest.raises(EventTooLarge, match=rf"{LIMIT + 1} byte payload is too large for the Event invocation type"):
        call(LIMIT - 1).text()


class Kept:
    """Where one call is kept."""

    def __init__(self, call, since=None):
        self.call = call
        self.since = time.time() * 1000 if since is None else since

    async def __call__(self, call):
        self.call = call

    async def read(self, execution_arn):
        return KeptCall(self.call, self.since)


@pytest.fixture
def attempt(task):
    """`attempt(service, call, 2)`: the outcome of the third attempt of a call."""

    async def make(service, call, number=0, large=False):
        service.keep = service.keep or Kept(call)
        named = {"name": call.name} if large else {"call": json.loads(call.text())}
        asked = task(parse_resource(RESOURCE), json.dumps({**named, "attempt": number}))
        (outcome,) = await outcomes(InvokeLater(service, Destinations(service)), asked)
        return outcome

    return make


@pytest.fixture
def tell(task):
    """`tell(service, call, failed)`: what is told of a call that has ended so."""

    async def make(service, call, ended):
        service.keep = Kept(call)
        error = {"Error": ended.error, "Cause": ended.cause} if isinstance(ended, Failed) else json.loads(ended.output)
        asked = task(parse_resource(RESOURCE.replace("invokeLater", "tellEnd")), json.dumps(error))
        (outcome,) = await outcomes(InvokeLater(service, Destinations(service)), asked)
        return outcome, json.loads(service.keep.call.event) if service.keep.call is not call else None

    return make


CALL = LaterCall(request_id="the-request", name="f", event='{"n": 1}')


async def test_a_kept_call_is_made_under_its_own_request_id(serve, attempt):
    assert await attempt(serve("plain:describe"), CALL) == Succeeded("null")
    service = serve("plain:raises")
    failed = await attempt(service, replace(CALL, execution_arn="the-execution"))
    assert (failed.error, json.loads(failed.cause)["requestId"]) == ("Exception", "the-request")
    assert {(line.request_id, line.execution) for line in service.logs.lines("f")} == {("the-request", "the-execution")}


async def test_a_large_call_is_read_from_where_it_is_kept(serve, attempt):
    service = serve("plain:raises")
    service.keep = Kept(replace(CALL, event=json.dumps("x" * 1_000_000)))
    assert (await attempt(service, CALL, large=True)).error == "Exception"


async def test_a_failure_is_told_when_the_last_attempt_has_failed(functions, attempt, tell):
    code = PythonCallable(handler="plain:raises", path=(HANDLERS,))
    service = functions(f=code, cleanup=code, events=EventCalls(on_failure="cleanup"))
    failed = await attempt(service, CALL, 2)
    assert failed.error == "Exception"
    outcome, record = await tell(service, CALL, failed)
    assert json.loads(outcome.output) == {"Error": failed.error, "Cause": failed.cause}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record.pop("timestamp"))
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": "the-request",
            "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": {"n": 1},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": json.loads(failed.cause),
    }


async def test_a_function_that_asks_for_fewer_retries_gets_fewer(functions, attempt, tell):
    code = PythonCallable(handler="plain:raises", path=(HANDLERS,))
    service = functions(f=code, cleanup=code, events=EventCalls(retries=0, on_failure="cleanup"))
    failed = await attempt(service, CALL)
    assert failed.error == "Stepwell.GivenUp"
    outcome, record = await tell(service, CALL, failed)
    assert json.loads(outcome.output)["Error"] == "Exception"
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record["responsePayload"]["errorType"] == "Exception"


async def test_a_success_is_told_with_its_result(functions, attempt, tell):
    code = PythonCallable(handler="plain:echo", path=(HANDLERS,))
    service = functions(f=code, after=code, events=EventCalls(on_success="after"))
    outcome, record = await tell(service, CALL, await attempt(service, CALL))
    assert outcome == Succeeded("null")
    assert record["requestContext"]["condition"] == "Success"
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    assert record["responsePayload"] == {"n": 1}


async def test_a_function_that_takes_no_call_fails_without_a_retry(functions, attempt, tell):
    code = PythonCallable(handler="plain:echo", path=(HANDLERS,))
    service = functions(f=code, cleanup=code, concurrency=0, events=EventCalls(on_failure="cleanup"))
    outcome, record = await tell(service, CALL, await attempt(service, CALL))
    assert json.loads(outcome.output)["Error"] == "ZeroReservedConcurrency"
    assert record["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert "responseContext" not in record


async def test_a_call_that_is_too_old_is_not_made_again(functions, attempt, tell):
    code = PythonCallable(handler="plain:echo", path=(HANDLERS,))
    service = functions(f=code, cleanup=code, events=EventCalls(max_age=60, on_failure="cleanup"))
    service.keep = Kept(CALL, since=(time.time() - 61) * 1000)
    outcome, record = await tell(service, CALL, await attempt(service, CALL, 1))
    assert json.loads(outcome.output)["Error"] == "EventAgeExceeded"
    assert record["requestContext"]["condition"] == "EventAgeExceeded"


async def test_a_destination_that_is_not_there_is_tried_again(functions, attempt, tell):
    code = PythonCallable(handler="plain:raises", path=(HANDLERS,))
    service = functions(f=code, events=EventCalls(on_failure="gone"))
    outcome, record = await tell(service, CALL, await attempt(service, CALL, 2))
    assert (outcome.error, record) == ("Stepwell.DestinationDeliveryFailed", None)
    assert "gone" in outcome.cause


@pytest.mark.parametrize(
    "fields",
    [
        {"retries": 3},
        {"max_age": 59},
        {"on_failure": "arn:aws:kinesis:us-east-1:123456789012:stream/s"},
        {"on_success": "no such name"},
        {"dead_letter": "cleanup"},
        {"dead_letter": "arn:aws:events:us-east-1:123456789012:event-bus/default"},
    ],
)
def test_what_lambda_would_not_take_is_refused(fields):
    with pytest.raises(ValueError, match=next(iter(fields))):
        EventCalls(**fields)


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
