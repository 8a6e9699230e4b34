"""Functions behind HTTP: Lambda's Invoke, and the Runtime Interface Emulator's route."""

import asyncio
import base64
import json

import pytest

from stepwell.tasks.call_log import unframed
from stepwell.tasks.invocation import CallRefused
from stepwell.tasks.kinds.http_endpoint import HttpEndpoint
from tests.patience import PATIENCE
from tests.tasks.endpoint import endpoint

ERROR = {"errorMessage": "no such order", "errorType": "NotFound"}


@pytest.fixture
def there():
    with endpoint() as found:
        yield found


@pytest.fixture
def call(functions, there):
    async def invoke(**options):
        return (await functions(f=HttpEndpoint(there.url)).invoke("f", '{"n": 1}', **options)).answer

    return invoke


@pytest.mark.parametrize(
    ("url", "function", "posted"),
    [
        ("http://h:9000", "function", "http://h:9000/2015-03-31/functions/function/invocations"),
        ("http://h:9000/", "orders", "http://h:9000/2015-03-31/functions/orders/invocations"),
        ("https://h/custom/path?a=1", "function", "https://h/custom/path?a=1"),
    ],
)
def test_an_endpoint_is_a_server_or_a_whole_address(url, function, posted):
    assert HttpEndpoint(url, function).invocations == posted


@pytest.mark.parametrize("url", ["ftp://h", "h:9000", "http://", "http://user:secret@h"])
def test_an_address_that_cannot_be_called_is_refused(url):
    with pytest.raises(ValueError, match="url") as refused:
        HttpEndpoint(url)
    assert "secret" not in str(refused.value)


def test_an_emulator_takes_one_call_at_a_time_and_a_server_many():
    assert HttpEndpoint("http://h:9000").usual_concurrency() == 1
    assert HttpEndpoint("http://h:9000", "orders").usual_concurrency() > 1


async def test_the_event_is_posted_and_the_answer_is_the_payload(call, there):
    there.answers({"status": "READY"})
    answer = await call(idempotency_key="k-1", client_context='{"custom": 1}')
    assert (answer.error, json.loads(answer.payload)) == (None, {"status": "READY"})
    ((path, headers, body),) = there.seen
    assert (path, body) == ("/2015-03-31/functions/function/invocations", b'{"n": 1}')
    assert headers["x-amz-invocation-type"] == "RequestResponse"
    assert headers["idempotency-key"] == "k-1"
    assert base64.b64decode(headers["x-amz-client-context"]) == b'{"custom": 1}'


async def test_an_error_that_is_marked_is_the_functions(call, there):
    there.answers(ERROR, X_Amz_Function_Error="Unhandled")
    answer = await call()
    assert (answer.error, json.loads(answer.payload)) == ("NotFound", ERROR)


@pytest.mark.parametrize("status", [200, 502])
async def test_an_error_of_the_emulator_which_marks_none_is_the_functions(call, there, status):
    there.answers(ERROR, status)
    answer = await call()
    assert (answer.error, json.loads(answer.payload)) == ("NotFound", ERROR)


async def test_a_timeout_of_the_emulator_is_the_functions(call, there):
    there.answers(b"Task timed out after 3.00 seconds")
    assert (await call()).error == "Sandbox.Timedout"


async def test_the_tail_of_the_log_is_logged_here_too(call, there, lines):
    there.answers(None, X_Amz_Log_Result=base64.b64encode(b"START RequestId: r\none\ntwo\nEND RequestId: r\n").decode())
    answer = await call(tail=True)
    assert unframed(answer.log_tail) == b"one\ntwo\n"
    assert [line.message for line in lines] == ["one", "two"]


async def test_a_refusal_is_handed_on(call, there):
    there.answers({"Message": "Rate Exceeded."}, 429, x_amzn_ErrorType="TooManyRequestsException")
    with pytest.raises(CallRefused) as refused:
        await call()
    assert (refused.value.shape, refused.value.reason, refused.value.status) == (
        "TooManyRequestsException",
        "Rate Exceeded.",
        429,
    )


@pytest.mark.parametrize(("body", "status"), [(b"<html>", 503), (b"<html>", 200)])
async def test_what_no_function_has_answered_is_the_services_fault(call, there, body, status):
    there.answers(body, status)
    answer = await call()
    assert answer.error == "Lambda.ServiceException"
    assert there.url in answer.payload


async def test_a_server_that_is_not_there_is_the_services_fault(functions):
    answer = (await functions(f=HttpEndpoint("http://127.0.0.1:1")).invoke("f", "{}")).answer
    assert answer.error == "Lambda.ServiceException"
    assert "Connection refused" in answer.payload


async def test_a_call_that_runs_over_is_hung_up(functions, there):
    there.answering.clear()
    service = functions(f=HttpEndpoint(there.url), timeout=0.2)
    while not there.hung_up.is_set():  # a busy machine may not have called when the time is over
        assert (await service.invoke("f", "{}")).answer.error == "Sandbox.Timedout"
        await asyncio.to_thread(there.hung_up.wait, 1)


async def test_a_call_that_is_cancelled_is_hung_up(functions, there):
    there.answering.clear()
    call = asyncio.ensure_future(functions(f=HttpEndpoint(there.url)).invoke("f", "{}"))
    assert await asyncio.to_thread(there.asked.wait, PATIENCE)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await asyncio.to_thread(there.hung_up.wait, PATIENCE)
