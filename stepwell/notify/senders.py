"""One try to deliver: over HTTP, to SNS, to EventBridge.

Rules that must stay true here:
- A webhook is asked at an address that was checked, and within a bound of time; redirects are not followed.
- What is told of a failure holds no secret: neither that of a signature nor an answer's body.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from functools import partial
from typing import Final, Protocol

from stepwell.notify.channel import Bus, Channel, Topic, Webhook
from stepwell.notify.event import DETAIL_TYPE
from stepwell.notify.signing import NoSecret, signed_headers, unsigned_headers
from stepwell.store.notices import DeliveryRow
from stepwell.tasks.aws.client import MAX_CALLS, AwsClients
from stepwell.tasks.aws.faults import ServiceFault, Unavailable, Unreachable
from stepwell.tasks.http.client import BadRequest, HttpRequest, NoAnswer, NotInstalled, send
from stepwell.tasks.http.targets import NotAllowed, Targets, Unresolved
from stepwell.tasks.threads import Threads

SECONDS: Final = 15.0
"""How long a webhook may take to answer."""

SOURCE: Final = "stepwell.states"
"""The source of events on a bus: AWS keeps those that begin with `aws.` to itself."""

_GONE: Final = 410


class NotDelivered(Exception):
    """A try has failed; the message says why. None follows where `final` holds."""

    def __init__(self, why: str, *, final: bool = False) -> None:
        super().__init__(why)
        self.final = final


class Sender(Protocol):
    async def send(self, channel: Channel, delivery: DeliveryRow, body: str) -> None:
        """Raises NotDelivered."""
        ...


class Senders:
    """Sends to what `targets` allow, with the secrets of `environ`, and to AWS's services in `region`."""

    def __init__(self, targets: Targets, environ: Mapping[str, str], clients: AwsClients, region: str) -> None:
        self._targets = targets
        self._environ = environ
        self._clients = clients
        self._region = region
        self._threads = Threads(MAX_CALLS)

    async def send(self, channel: Channel, delivery: DeliveryRow, body: str) -> None:
        """Raises NotDelivered."""
        match channel:
            case Webhook():
                await self._post(channel, delivery.event_id, body.encode())
            case Topic(arn):
                arguments: dict[str, object] = {"TopicArn": arn, "Message": body}
                if arn.endswith(".fifo"):
                    arguments |= {"MessageGroupId": _group(body), "MessageDeduplicationId": delivery.event_id}
                await self._call("sns", "publish", arn.split(":")[3], arguments)
            case Bus(name):
                await self._put(name, body)

    async def _post(self, webhook: Webhook, event_id: str, body: bytes) -> None:
        timestamp = int(time.time())
        try:
            headers = (
                unsigned_headers(event_id, timestamp)
                if webhook.secret is None
                else signed_headers(webhook.secret, self._environ, event_id, timestamp, body)
            )
            target = await self._targets.find(webhook.url)
            headers |= {"Content-Type": "application/json", "User-Agent": "stepwell"}
            answer = await send(HttpRequest("POST", webhook.url, tuple(headers.items()), body), target, SECONDS)
        except NotAllowed as error:
            raise NotDelivered(str(error), final=True) from error
        except (NoSecret, Unresolved, NoAnswer, BadRequest, NotInstalled, ValueError) as error:
            raise NotDelivered(str(error)) from error
        if not 200 <= answer.status < 300:
            raise NotDelivered(
                f"The webhook answered {answer.status} {answer.reason}".strip(), final=answer.status == _GONE
            )

    async def _put(self, bus: str, body: str) -> None:
        event = json.loads(body)
        entry = {
            "EventBusName": bus,
            "Source": SOURCE,
            "DetailType": event.get("detail-type", DETAIL_TYPE),
            "Detail": json.dumps(event.get("detail", event)),
            "Resources": event.get("resources", []),
        }
        region = bus.split(":")[3] if bus.startswith("arn:") else self._region
        answer = await self._call("events", "putEvents", region, {"Entries": [entry]})
        if answer.get("FailedEntryCount"):
            entries = answer.get("Entries")
            first = entries[0] if isinstance(entries, list) and entries else {}
            raise NotDelivered(f"EventBridge refused the event: {first.get('ErrorCode')}: {first.get('ErrorMessage')}")

    async def _call(
        self, service: str, action: str, region: str, arguments: Mapping[str, object]
    ) -> Mapping[str, object]:
        def call() -> Mapping[str, object]:
            operation = self._clients.operation(service, action)
            return self._clients.call(service, region, operation, arguments).members

        try:
            return await self._threads.run(partial(call))
        except (ServiceFault, Unreachable, Unavailable) as error:
            raise NotDelivered(str(error) or type(error).__name__) from error


def _group(body: str) -> str:
    """What a FIFO topic keeps in order: an execution."""
    resources = json.loads(body).get("resources") or ["stepwell"]
    return str(resources[0]).rpartition(":")[2][:128]
