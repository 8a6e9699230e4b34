"""`arn:aws:states:::apigateway:invoke`, by itself and with `.waitForTaskToken`: a call of a REST or HTTP API.

Rules that must stay true here:
- Only what `targets` allows is called.
- Headers and the query have lists of values; the body is JSON (recorded).
- With `IAM_ROLE` and `RESOURCE_POLICY` a request is signed, with the credentials that boto3 finds.

See AWS Step Functions developer guide, "Call API Gateway REST APIs with Step Functions".
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Final, TypeAlias

from stepwell.engine.dispatch import Failed, Outcome, SubmitFailed, Submitted, Succeeded, Task
from stepwell.language.values import Json, dumps, loads
from stepwell.tasks.aws.client import AwsClients
from stepwell.tasks.aws.faults import Unreachable
from stepwell.tasks.http.answers import Unreadable, as_result, body_text, status_text
from stepwell.tasks.http.client import BadRequest, HttpAnswer, HttpRequest, NoAnswer, NotInstalled, in_trace, send
from stepwell.tasks.http.encoding import text_of
from stepwell.tasks.http.parameters import METHODS, Unusable
from stepwell.tasks.http.targets import NotAllowed, Targets, Unresolved
from stepwell.tasks.http.urls import with_query
from stepwell.tasks.threads import Threads

Sign: TypeAlias = Callable[[HttpRequest, str], HttpRequest]
"""A request as it is signed for a region. Blocks. Raises Unreachable."""

_FIELDS: Final = frozenset(
    (
        *("AllowNullValues", "ApiEndpoint", "AuthType", "Headers", "Method", "Path"),
        *("QueryParameters", "RequestBody", "Stage"),
    )
)


class ApiGatewayInvoke:
    """Carries out `apigateway:invoke`."""

    def __init__(self, targets: Targets, sign: Sign) -> None:
        self._targets = targets
        self._sign = sign
        self._threads = Threads(16)

    async def run(self, task: Task) -> AsyncIterator[Outcome]:
        try:
            result = await self._call(task)
            yield Submitted(result) if task.resource.pattern else Succeeded(result)
        except _Refused as fault:
            yield _failed(task, f"ApiGateway.{fault.status}", str(fault))
        except Unusable as fault:
            reasons = ", ".join(fault.reasons)
            yield _failed(
                task,
                "States.Runtime",
                f"The Parameters '{task.input}' could not be used to start the Task: [{reasons}]",
            )
        except (BadRequest, ValueError) as fault:
            cause = f"The Parameters '{task.input}' could not be used to start the Task: [{fault}]"
            yield _failed(task, "States.Runtime", cause)
        except NotAllowed as fault:
            yield _failed(task, "Stepwell.HostNotAllowed", str(fault))
        except NotInstalled as fault:
            yield _failed(task, "Stepwell.UnsupportedResource", f"{task.resource.arn}: {fault}")
        except Unreadable as fault:
            yield _failed(task, fault.error, str(fault))
        except (NoAnswer, Unresolved, Unreachable) as fault:
            yield _failed(task, "ApiGateway.SdkClientException", str(fault))

    async def _call(self, task: Task) -> str:
        given = loads(task.input)
        request = _request(given)
        target = await self._targets.find(request.url)
        if isinstance(given, dict) and given.get("AuthType", "NO_AUTH") != "NO_AUTH":
            region = task.execution_arn.split(":")[3]
            request = await self._threads.run(lambda: self._sign(request, region))
        answer = await send(in_trace(request, task.trace), target)  # what is not signed may be written anew on the way
        if not 200 <= answer.status < 300:
            raise _Refused(answer)
        return dumps(as_result(answer, lower=False))


def signed_by(clients: AwsClients) -> Sign:
    """Signs for `execute-api`, with the credentials of boto3."""

    def sign(request: HttpRequest, region: str) -> HttpRequest:
        given = dict(request.headers)
        headers = clients.signed("execute-api", region, request.method, request.url, given, request.body)
        return HttpRequest(request.method, request.url, tuple(headers.items()), request.body)

    return sign


class _Refused(Exception):
    def __init__(self, answer: HttpAnswer) -> None:
        try:
            cause = body_text(answer) or status_text(answer)
        except Unreadable:
            cause = status_text(answer)
        super().__init__(cause)
        self.status = answer.status


def _failed(task: Task, error: str, cause: str) -> Outcome:
    return (SubmitFailed if task.resource.pattern else Failed)(error, cause)


def _request(given: Json) -> HttpRequest:
    """Raises Unusable."""
    members = given if isinstance(given, dict) else {}
    reasons = [
        f"The field '{name}' is required but was missing"
        for name in ("ApiEndpoint", "Method")
        if members.get(name) is None
    ]
    reasons += [f"The field '{name}' is not supported by Step Functions" for name in members.keys() - _FIELDS]
    reasons += [
        f"The value for the field '{name}' must be a STRING"
        for name in ("ApiEndpoint", "AuthType", "Method", "Path", "Stage")
        if not isinstance(members.get(name), str | None)
    ]
    if reasons:
        raise Unusable(*reasons)
    method = str(members["Method"])
    if method not in METHODS:
        raise Unusable(f"The value for the field 'Method' must be one of {', '.join(METHODS)}")
    body = members.get("RequestBody")
    headers = {name: ",".join(values) for name, values in _lists(members, "Headers").items()}
    if body is not None:
        headers = {"Content-Type": "application/json", **headers}
    return HttpRequest(
        method,
        with_query(_url(members), _lists(members, "QueryParameters")),
        tuple(headers.items()),
        None if body is None else dumps(body).encode(),
    )


def _url(members: dict[str, Json]) -> str:
    """An endpoint is a host; with a scheme it is one of the user's own."""
    endpoint = str(members["ApiEndpoint"]).rstrip("/")
    base = endpoint if "://" in endpoint else f"https://{endpoint}"
    parts = [str(members[name]).strip("/") for name in ("Stage", "Path") if members.get(name)]
    return "/".join([base, *parts])


def _lists(members: dict[str, Json], name: str) -> dict[str, list[str]]:
    value = members.get(name)
    found = value if isinstance(value, dict) else {}
    return {key: [text_of(item) for item in items] for key, items in found.items() if isinstance(items, list)}
