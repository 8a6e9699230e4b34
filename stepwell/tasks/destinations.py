"""Where records of calls go that nobody has waited for: functions of this server, SQS, SNS, EventBridge.

Rules that must stay true here:
- A record has the members that AWS Lambda gives it (developer guide, "Capturing records of Lambda asynchronous
  invocations"); a dead-letter queue gets the event alone, with AWS's attributes.
- A function of this server gets a record once, however often it is told; a queue at least once.
- AWS services are called only where the user has allowed it, as for tasks.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial

from msgspec import Struct

from stepwell.language.values import Json, dumps, loads
from stepwell.tasks.aws.client import AwsClients
from stepwell.tasks.aws.faults import ServiceFault, Unavailable, Unreachable
from stepwell.tasks.function import Function
from stepwell.tasks.invocation import LATEST
from stepwell.tasks.lambda_service import FunctionNotFound, LambdaService
from stepwell.tasks.later_call import EventTooLarge, LaterCall
from stepwell.tasks.threads import Threads

_AT_ONCE = 8
_MESSAGE = 1024  # characters of the error that a dead-letter queue is told


class DeliveryFailed(Exception):
    """A record could not be handed over; the message says why."""


class Ending(Struct, frozen=True):
    """How a call has ended. `condition` is AWS's word; `error` is the errorType of an error, `payload` the JSON text of
    what the function has answered last, null where it was not called."""

    condition: str
    attempts: int
    error: str | None
    payload: str


class Destinations:
    """`clients` call AWS; without any, only functions of this server are told."""

    def __init__(self, functions: LambdaService, clients: AwsClients | None = None) -> None:
        self._functions = functions
        self._clients = clients
        self._threads = Threads(_AT_ONCE)

    async def tell(self, function: Function, call: LaterCall, ending: Ending) -> None:
        """Tell whom the function names. Raises DeliveryFailed; who was told already may be told again then."""
        _, arn, version = self._functions.resolve(call.name, call.qualifier)
        wanted, succeeded = function.events, ending.condition == "Success"
        target = wanted.on_success if succeeded else wanted.on_failure
        if target is not None:
            record = _record(call, ending, arn if _is_qualified(arn) else f"{arn}:{LATEST}", version)
            await self._hand(target, record, call, arn, succeeded)
        if wanted.dead_letter is not None and not succeeded:
            attributes = {"RequestID": call.request_id, "ErrorCode": "200", "ErrorMessage": _message(ending)[:_MESSAGE]}
            await self._call(wanted.dead_letter, call.event, attributes)

    async def _hand(self, target: str, record: str, call: LaterCall, arn: str, succeeded: bool) -> None:
        service = target.split(":")[2] if target.startswith("arn:") else "lambda"
        if service == "events":
            word = "Success" if succeeded else "Failure"
            entry = {
                "Source": "lambda",
                "DetailType": f"Lambda Function Invocation Result - {word}",
                "Detail": record,
                "EventBusName": target,
                "Resources": [target, arn],
            }
            await self._carry_out("events", "putEvents", target, {"Entries": [entry]})
        elif service == "lambda":
            try:
                await self._functions.invoke_later(target, record, idempotency_key=f"{call.request_id}:{target}")
            except (FunctionNotFound, EventTooLarge) as fault:
                raise DeliveryFailed(f"{target}: {fault}") from fault
        else:
            await self._call(target, record, {})

    async def _call(self, target: str, message: str, attributes: Mapping[str, str]) -> None:
        """Send a message to a queue or a topic."""
        given = {name: _attribute(name, value) for name, value in attributes.items()}
        _, _, service, _, account, name = target.split(":", 5)
        if service == "sns":
            await self._carry_out(
                "sns", "publish", target, {"TopicArn": target, "Message": message, "MessageAttributes": given}
            )
            return
        owner = {"QueueName": name, "QueueOwnerAWSAccountId": account}
        url = await self._carry_out("sqs", "getQueueUrl", target, owner)
        sent = {"QueueUrl": url["QueueUrl"], "MessageBody": message, "MessageAttributes": given}
        await self._carry_out("sqs", "sendMessage", target, sent)

    async def _carry_out(
        self, service: str, action: str, target: str, arguments: Mapping[str, object]
    ) -> Mapping[str, object]:
        if self._clients is None:
            raise DeliveryFailed(f"{target}: AWS services are not called here.")
        work = partial(self._answer, self._clients, service, action, target.split(":")[3], arguments)
        try:
            answer = await self._threads.run(work)
        except (ServiceFault, Unreachable, Unavailable) as fault:
            raise DeliveryFailed(f"{target}: {fault}") from fault
        if answer.get("FailedEntryCount"):
            raise DeliveryFailed(f"{target}: the bus has not taken it: {answer.get('Entries')}")
        return answer

    def _answer(
        self, clients: AwsClients, service: str, action: str, region: str, arguments: Mapping[str, object]
    ) -> Mapping[str, object]:
        """Blocks."""
        return clients.call(service, region, clients.operation(service, action), arguments).members


def _record(call: LaterCall, ending: Ending, arn: str, version: str) -> str:
    now = time.time()
    head: dict[str, Json] = {
        "version": "1.0",
        "timestamp": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now * 1000) % 1000:03d}Z",
        "requestContext": {
            "requestId": call.request_id,
            "functionArn": arn,
            "condition": ending.condition,
            "approximateInvokeCount": ending.attempts,
        },
    }
    text = f'{dumps(head)[:-1]},"requestPayload":{call.event}'
    if ending.condition == "Success" or ending.error is not None:
        context: dict[str, Json] = {"statusCode": 200, "executedVersion": version}
        if ending.error is not None:
            context["functionError"] = "Unhandled"
        text += f',"responseContext":{dumps(context)},"responsePayload":{ending.payload}'
    return f"{text}}}"


def _is_qualified(arn: str) -> bool:
    """Whether an ARN names a version or an alias."""
    return arn.count(":") == 7


def _message(ending: Ending) -> str:
    payload = loads(ending.payload)
    message = payload.get("errorMessage") if isinstance(payload, dict) else None
    return str(message or ending.error or ending.condition)


def _attribute(name: str, value: str) -> dict[str, str]:
    return {"DataType": "Number" if name == "ErrorCode" else "String", "StringValue": value}
