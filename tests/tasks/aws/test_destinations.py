"""Records of calls that nobody has waited for, sent to AWS services over real HTTP, on moto's server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from stepwell.tasks.aws.client import AwsClients
from stepwell.tasks.destinations import DeliveryFailed, Destinations, Ending
from stepwell.tasks.function import Function, FunctionRegistry
from stepwell.tasks.kinds.command import Command
from stepwell.tasks.kinds.event_calls import EventCalls
from stepwell.tasks.lambda_service import LambdaService
from stepwell.tasks.later_call import LaterCall
from tests.tasks.endpoint import endpoint

boto3 = pytest.importorskip("boto3")
moto_server = pytest.importorskip("moto.server")

pytestmark = pytest.mark.xdist_group("moto")

CALL = LaterCall(request_id="the-request", name="f", event='{"n": 1}')
FAILURE = Ending("RetriesExhausted", 3, "NotFound", '{"errorType":"NotFound","errorMessage":"no such order"}')
SUCCESS = Ending("Success", 1, None, '"done"')


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def client(moto: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    return lambda service: boto3.client(service, endpoint_url=moto, region_name="us-east-1")


@pytest.fixture
def queue(client: Callable[[str], Any]) -> Iterator[str]:
    """The URL of a queue named `ended`."""
    url = client("sqs").create_queue(QueueName="ended")["QueueUrl"]
    yield url
    client("sqs").delete_queue(QueueUrl=url)


Tell = Callable[..., Any]


@pytest.fixture
async def tell(moto: str) -> AsyncIterator[Tell]:
    services: list[LambdaService] = []

    async def told(ending: Ending, clients: AwsClients | None = None, **events: Any) -> None:
        function = Function(name="f", code=Command(["true"]), events=EventCalls(**events))
        services.append(LambdaService(FunctionRegistry([function])))
        reached = clients or AwsClients((), {"AWS_ENDPOINT_URL": moto})
        await Destinations(services[-1], reached).tell(function, CALL, ending)

    yield told
    for service in services:
        await service.stop(0)


def messages(client: Callable[[str], Any], queue: str) -> list[Any]:
    received = client("sqs").receive_message(QueueUrl=queue, MessageAttributeNames=["All"], MaxNumberOfMessages=10)
    return list(received.get("Messages", []))


SQS = "arn:aws:sqs:us-east-1:123456789012:ended"


async def test_a_queue_gets_the_record(tell: Tell, client: Callable[[str], Any], queue: str) -> None:
    await tell(FAILURE, on_failure=SQS)
    (message,) = messages(client, queue)
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestPayload"] == {"n": 1}
    assert record["responsePayload"]["errorMessage"] == "no such order"


async def test_a_dead_letter_queue_gets_the_event_with_attributes(
    tell: Tell, client: Callable[[str], Any], queue: str
) -> None:
    await tell(FAILURE, dead_letter=SQS)
    (message,) = messages(client, queue)
    assert message["Body"] == '{"n": 1}'
    attributes = {
        name: (found["DataType"], found["StringValue"]) for name, found in message["MessageAttributes"].items()
    }
    assert attributes == {
        "RequestID": ("String", "the-request"),
        "ErrorCode": ("Number", "200"),
        "ErrorMessage": ("String", "no such order"),
    }


async def test_a_success_goes_to_its_own_destination_alone(
    tell: Tell, client: Callable[[str], Any], queue: str
) -> None:
    await tell(SUCCESS, on_failure=SQS, dead_letter=SQS)
    assert messages(client, queue) == []
    await tell(SUCCESS, on_success=SQS)
    (message,) = messages(client, queue)
    assert json.loads(message["Body"])["responsePayload"] == "done"


async def test_a_topic_gets_the_record(tell: Tell, client: Callable[[str], Any], queue: str) -> None:
    topic = client("sns").create_topic(Name="ended")["TopicArn"]
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=SQS)
    await tell(FAILURE, on_failure=topic)
    (message,) = messages(client, queue)
    assert json.loads(json.loads(message["Body"])["Message"])["requestContext"]["requestId"] == "the-request"


BUS = "arn:aws:events:us-east-1:123456789012:event-bus/ended"


async def test_a_bus_gets_the_record_as_an_event_from_lambda(tell: Tell, client: Callable[[str], Any]) -> None:
    with endpoint() as there:
        there.answers({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})
        await tell(FAILURE, AwsClients((), {"AWS_ENDPOINT_URL_EVENTBRIDGE": there.url}), on_failure=BUS)
    ((_, _, body),) = there.seen
    (entry,) = json.loads(body)["Entries"]
    assert json.loads(entry.pop("Detail"))["requestContext"]["condition"] == "RetriesExhausted"
    assert entry == {
        "Source": "lambda",
        "DetailType": "Lambda Function Invocation Result - Failure",
        "EventBusName": BUS,
        "Resources": [BUS, "arn:aws:lambda:us-east-1:123456789012:function:f"],
    }


async def test_an_event_that_a_bus_does_not_take_is_told(tell: Tell, client: Callable[[str], Any]) -> None:
    with endpoint() as there:
        there.answers({"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]})
        with pytest.raises(DeliveryFailed, match="ThrottlingException"):
            await tell(FAILURE, AwsClients((), {"AWS_ENDPOINT_URL_EVENTBRIDGE": there.url}), on_failure=BUS)


async def test_a_queue_that_is_not_there_is_told(tell: Tell, client: Callable[[str], Any]) -> None:
    with pytest.raises(DeliveryFailed, match="NonExistentQueue"):
        await tell(FAILURE, on_failure=SQS.replace("ended", "gone"))


async def test_aws_is_called_only_where_that_is_allowed(tell: Tell) -> None:
    with pytest.raises(DeliveryFailed, match="AWS services are called only where that is allowed"):
        await tell(FAILURE, AwsClients((), {}), on_failure=SQS)
