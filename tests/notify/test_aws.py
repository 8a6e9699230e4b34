"""Notifications by SNS and EventBridge, on moto's server over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.httpsession import URLLib3Session

from stepwell.notify.channel import Bus, Topic
from stepwell.notify.senders import NotDelivered, Senders
from stepwell.store.notices import DeliveryRow
from stepwell.tasks.aws.client import AwsClients
from stepwell.tasks.http.targets import Targets

boto3 = pytest.importorskip("boto3")
moto_server = pytest.importorskip("moto.server")

pytestmark = pytest.mark.xdist_group("moto")

EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:M:one"
EVENT = {
    "id": "e1",
    "detail-type": "Step Functions Execution Status Change",
    "source": "aws.states",
    "resources": [EXECUTION],
    "detail": {"status": "FAILED"},
}
DELIVERY = DeliveryRow(id=1, event_id="e1", destination="d", channel="{}", created=0, attempts=0, died=None, error=None)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The address of the server."""
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@pytest.fixture
def senders(moto: str) -> Senders:
    return Senders(Targets(()), {}, AwsClients((), {"AWS_ENDPOINT_URL": moto}), "us-east-1")


def queue(moto: str, name: str, **attributes: str) -> tuple[Any, str, str]:
    """A client, the URL and the ARN of a new queue."""
    client = boto3.client("sqs", endpoint_url=moto)
    url = client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    arn = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return client, url, arn


async def test_a_topic_gets_the_event(senders: Senders, moto: str) -> None:
    sqs, url, arn = queue(moto, "alarms")
    sns = boto3.client("sns", endpoint_url=moto)
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    await senders.send(Topic(topic), DELIVERY, json.dumps(EVENT))
    (received,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(json.loads(received["Body"])["Message"]) == EVENT


async def test_a_fifo_topic_keeps_the_events_of_an_execution_in_order(senders: Senders, moto: str) -> None:
    sqs, url, arn = queue(moto, "ordered.fifo", FifoQueue="true")
    sns = boto3.client("sns", endpoint_url=moto)
    topic = sns.create_topic(Name="ordered.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    await senders.send(Topic(topic), DELIVERY, json.dumps(EVENT))
    answer = sqs.receive_message(QueueUrl=url, AttributeNames=["All"])
    attributes = answer["Messages"][0]["Attributes"]
    assert (attributes["MessageGroupId"], attributes["MessageDeduplicationId"]) == ("one", "e1")


async def test_a_bus_gets_the_event_under_a_source_of_its_own(
    senders: Senders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """moto hands events on only with a package more: what it is sent is looked at where it is sent."""
    sent = []
    monkeypatch.setattr(
        "botocore.httpsession.URLLib3Session.send",
        lambda self, request, send=URLLib3Session.send: (sent.append(request.body), send(self, request))[1],
    )
    await senders.send(Bus("default"), DELIVERY, json.dumps(EVENT))
    (entry,) = json.loads(sent[0])["Entries"]
    assert (entry["EventBusName"], entry["Source"]) == ("default", "stepwell.states")
    assert (entry["DetailType"], entry["Resources"]) == (EVENT["detail-type"], [EXECUTION])
    assert json.loads(entry["Detail"]) == EVENT["detail"]


async def test_what_a_service_refuses_is_told(senders: Senders) -> None:
    with pytest.raises(NotDelivered, match="NotFound"):
        await senders.send(Topic("arn:aws:sns:us-east-1:123456789012:nowhere"), DELIVERY, json.dumps(EVENT))


async def test_no_service_is_called_unless_that_is_allowed() -> None:
    senders = Senders(Targets(()), {}, AwsClients((), {}), "us-east-1")
    with pytest.raises(NotDelivered, match="aws_services"):
        await senders.send(Bus("default"), DELIVERY, json.dumps(EVENT))
