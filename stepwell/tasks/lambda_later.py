"""Calls of functions that nobody waits for (InvocationType Event): kept as executions, carried out as their tasks.

Rules that must stay true here:
- A call is taken only once it is kept: no end of the server loses it, and what it has left of its attempts it keeps.
- All attempts of a call have one request id.
- Attempts and the time between them are those of AWS Lambda (developer guide, "How Lambda handles errors and retries
  with asynchronous invocation"): two more after an error of the function, one and two minutes later; for six hours
  where the fault is not the function's. A function may ask for less.
- What has become of a call is told by a task of its own: to tell it again never means to make the call again.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Final

from stepwell.engine.dispatch import Failed, Outcome, Succeeded, Task
from stepwell.language.values import Json, dumps, loads
from stepwell.tasks.destinations import DeliveryFailed, Destinations, Ending
from stepwell.tasks.function import Function
from stepwell.tasks.invocation import SERVICE_EXCEPTION, CallRefused
from stepwell.tasks.lambda_service import FunctionNotFound, LambdaService
from stepwell.tasks.later_call import KeptCall, LaterCall

SERVICE: Final = "aws-sdk:stepwell"
RESOURCE: Final = f"arn:aws:states:::{SERVICE}:invokeLater"
_TELL: Final = f"arn:aws:states:::{SERVICE}:tellEnd"

SMALL: Final = 262_000
"""Bytes of a kept call's text that travels with its task; a larger one is read from where it is kept."""

_GIVEN_UP: Final = "Stepwell.GivenUp"
_RETRIES: Final = 2
_TELLING: Final[Json] = [
    {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "BackoffRate": 2, "MaxDelaySeconds": 300, "MaxAttempts": 20}
]


def _definition(parameters: dict[str, Json]) -> str:
    return json.dumps(
        {
            "Comment": "A call of a function that nobody waits for",
            "StartAt": "Invoke",
            "States": {
                "Invoke": {
                    "Type": "Task",
                    "Resource": RESOURCE,
                    "Parameters": {**parameters, "attempt.$": "$$.State.RetryCount"},
                    "Retry": [
                        {"ErrorEquals": [_GIVEN_UP], "MaxAttempts": 0},
                        {
                            "ErrorEquals": [SERVICE_EXCEPTION, "Lambda.TooManyRequestsException"],
                            "IntervalSeconds": 1,
                            "BackoffRate": 2,
                            "MaxDelaySeconds": 300,
                            "MaxAttempts": 79,
                        },
                        {
                            "ErrorEquals": ["States.ALL"],
                            "IntervalSeconds": 60,
                            "BackoffRate": 2,
                            "MaxAttempts": _RETRIES,
                        },
                    ],
                    "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "TellFailure"}],
                    "Next": "IsToBeTold",
                },
                "IsToBeTold": {
                    "Type": "Choice",
                    "Choices": [{"Variable": "$", "IsNull": True, "Next": "Succeeded"}],
                    "Default": "TellSuccess",
                },
                "TellSuccess": {
                    "Type": "Task",
                    "Resource": _TELL,
                    "Retry": _TELLING,
                    "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Succeeded"}],
                    "Next": "Succeeded",
                },
                "TellFailure": {
                    "Type": "Task",
                    "Resource": _TELL,
                    "Retry": _TELLING,
                    "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.Untold", "Next": "Failed"}],
                    "Next": "Failed",
                },
                "Succeeded": {"Type": "Succeed"},
                "Failed": {"Type": "Fail", "ErrorPath": "$.Error", "CausePath": "$.Cause"},
            },
        }
    )


DEFINITION: Final = _definition({"call.$": "$"})
LARGE_DEFINITION: Final = _definition({"name.$": "$.name"})
"""For calls of more than `SMALL` bytes."""


def called(task: Task) -> str | None:
    """The name of the function that an attempt calls; None for a task that calls none."""
    given = loads(task.input)
    if task.resource.arn != RESOURCE or not isinstance(given, dict):
        return None
    call = given.get("call")
    return str((call if isinstance(call, dict) else given)["name"])


class InvokeLater:
    """Carries out one attempt of a kept call, and tells how the call has ended."""

    def __init__(self, functions: LambdaService, destinations: Destinations) -> None:
        self._functions = functions
        self._destinations = destinations

    async def run(self, task: Task) -> AsyncIterator[Outcome]:
        given = loads(task.input)
        assert isinstance(given, dict)
        if task.resource.arn == RESOURCE:
            yield await self._attempt(task, given)
        else:
            yield await self._tell(task, given)

    async def _attempt(self, task: Task, given: dict[str, Json]) -> Outcome:
        """The outcome is null where nobody is to be told, else what is to be told of a success."""
        attempt = given["attempt"]
        assert isinstance(attempt, int)
        call = given.get("call")
        kept = None if call is not None else await self._kept(task)
        asked = LaterCall.read(dumps(call)) if kept is None else kept.call
        try:
            function, _, _ = self._functions.resolve(asked.name, asked.qualifier, asked.request_id)
            if function.most_at_once == 0:
                return _given_up("ZeroReservedConcurrency", 0)
            if attempt > 0 and not task.virtual:
                kept = kept or await self._kept(task)
                if time.time() * 1000 - kept.since > function.events.max_age * 1000:
                    return _given_up("EventAgeExceeded", attempt)
            reply = await self._functions.invoke(
                asked.name,
                asked.event,
                qualifier=asked.qualifier,
                client_context=asked.client_context,
                idempotency_key=task.idempotency_key,
                # The lines of a call with secrets are searched for those of its own execution.
                execution_arn=task.execution_arn if task.brand else asked.execution_arn or task.execution_arn,
                request_id=asked.request_id,
                trace=task.trace,
            )
        except CallRefused as refused:
            return Failed(f"Lambda.{refused.shape}", refused.cause)
        answer = reply.answer
        if answer.error is None:
            if function.events.on_success is None:
                return Succeeded("null")
            payload = answer.payload if len(answer.payload.encode()) < SMALL else '"It is too large for the record."'
            return Succeeded(f'{{"attempts":{attempt + 1},"payload":{payload}}}')
        if answer.error != SERVICE_EXCEPTION and _RETRIES > attempt >= function.events.retries:
            return _given_up("RetriesExhausted", attempt + 1, answer.error, answer.payload)
        return Failed(answer.error, answer.payload)

    async def _tell(self, task: Task, given: dict[str, Json]) -> Outcome:
        """What was given goes on, without what wraps it."""
        ending, error, cause = _ending(given)
        try:
            kept = await self._kept(task)
            function = self._function(kept.call)
            if function is not None:
                await self._destinations.tell(function, kept.call, ending)
        except DeliveryFailed as fault:
            return Failed("Stepwell.DestinationDeliveryFailed", str(fault))
        return Succeeded("null" if error is None else dumps({"Error": error, "Cause": cause}))

    def _function(self, call: LaterCall) -> Function | None:
        try:
            return self._functions.resolve(call.name, call.qualifier, call.request_id)[0]
        except FunctionNotFound:
            return None  # it is gone: nobody says any more who is to be told

    async def _kept(self, task: Task) -> KeptCall:
        assert self._functions.keep is not None
        return await self._functions.keep.read(task.execution_arn)


def _given_up(condition: str, attempts: int, error: str | None = None, payload: str = "null") -> Failed:
    told: Json = {"condition": condition, "attempts": attempts, "error": error}
    return Failed(_GIVEN_UP, f'{dumps(told)[:-1]},"payload":{payload}}}')


def _ending(given: dict[str, Json]) -> tuple[Ending, str | None, str]:
    """How a call has ended, and the error and cause of its execution; no error where it has succeeded."""
    if "Error" not in given:
        return Ending("Success", _count(given["attempts"]), None, dumps(given["payload"])), None, ""
    error, cause = str(given["Error"]), str(given.get("Cause", ""))
    if error != _GIVEN_UP:
        return Ending("RetriesExhausted", _RETRIES + 1, error, _json(cause)), error, cause
    told = loads(cause)
    assert isinstance(told, dict)
    condition, payload = str(told["condition"]), dumps(told["payload"])
    name = told["error"]
    ending = Ending(condition, _count(told["attempts"]), None if name is None else str(name), payload)
    return ending, condition if name is None else str(name), payload


def _count(value: Json) -> int:
    assert isinstance(value, int)
    return value


def _json(text: str) -> str:
    """A text as JSON: itself where it is that, else a string of it."""
    try:
        loads(text)
    except ValueError:
        return dumps(text)
    return text
