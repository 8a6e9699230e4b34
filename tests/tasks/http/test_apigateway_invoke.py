"""`apigateway:invoke`: REST and HTTP APIs."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from stepwell.engine.dispatch import Failed, Outcome, SubmitFailed, Submitted, Succeeded, Task
from stepwell.language.resource import parse_resource
from stepwell.tasks.apigateway_invoke import ApiGatewayInvoke, signed_by
from stepwell.tasks.aws.client import AwsClients
from stepwell.tasks.http.targets import Targets
from tests.tasks.http.conftest import Api

Call = Callable[..., Awaitable[Outcome]]


@pytest.fixture
def call(task: Callable[..., Task], api: Api, monkeypatch: pytest.MonkeyPatch) -> Call:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    integration = ApiGatewayInvoke(Targets(["127.0.0.1"]), signed_by(AwsClients([], {})))

    async def invoke(action: str = "apigateway:invoke", **given: Any) -> Outcome:
        asked = {"ApiEndpoint": api.url, "Method": "POST", "Stage": "prod", "Path": "/orders/1", **given}
        resource = parse_resource(f"arn:aws:states:::{action}")
        (outcome,) = [outcome async for outcome in integration.run(task(resource, json.dumps(asked)))]
        return outcome

    return invoke


async def test_stage_path_query_headers_and_body_make_the_request(api: Api, call: Call) -> None:
    api.answer({"ok": True})
    outcome = await call(QueryParameters={"a": ["1", "2"]}, Headers={"X-One": ["1", "2"]}, RequestBody="HelloWorld")
    got = api.got[0]
    assert (got.method, got.path, got.query) == ("POST", "/prod/orders/1", [("a", "1"), ("a", "2")])
    assert (got.headers["X-One"], got.body, got.headers["Content-Type"]) == ("1,2", '"HelloWorld"', "application/json")
    assert isinstance(outcome, Succeeded)
    answer = json.loads(outcome.output)
    assert (answer["ResponseBody"], answer["StatusCode"], answer["StatusText"]) == ({"ok": True}, 200, "OK")
    assert answer["Headers"]["Content-Type"] == ["application/json"]


async def test_a_refusal_is_named_by_its_status_and_its_cause_is_the_body(api: Api, call: Call) -> None:
    api.answer({"message": "Missing Authentication Token"}, 403)
    assert await call() == Failed("ApiGateway.403", '{"message": "Missing Authentication Token"}')


@pytest.mark.parametrize(("kind", "signed"), [("NO_AUTH", False), ("IAM_ROLE", True), ("RESOURCE_POLICY", True)])
async def test_a_request_is_signed_where_the_task_says_so(api: Api, call: Call, kind: str, signed: bool) -> None:
    pytest.importorskip("boto3")
    await call(AuthType=kind, RequestBody={})
    authorization = api.got[0].headers.get("Authorization", "")
    assert ("Credential=test/" in authorization and "/us-east-1/execute-api/aws4_request" in authorization) is signed


async def test_with_a_token_the_answer_says_only_that_it_was_submitted(api: Api, call: Call) -> None:
    action = "apigateway:invoke.waitForTaskToken"
    assert isinstance(await call(action), Submitted)
    api.answer({}, 500)
    assert isinstance(await call(action), SubmitFailed)


async def test_what_is_not_known_or_missing_is_told(call: Call) -> None:
    outcome = await call(Method=None, Foo=1)
    assert isinstance(outcome, Failed)
    assert outcome.error == "States.Runtime"
    assert "The field 'Method' is required but was missing" in (outcome.cause or "")
    assert "The field 'Foo' is not supported by Step Functions" in (outcome.cause or "")


async def test_an_endpoint_inside_is_refused(task: Callable[..., Task], api: Api) -> None:
    integration = ApiGatewayInvoke(Targets([]), signed_by(AwsClients([], {})))
    given = json.dumps({"ApiEndpoint": "127.0.0.1", "Method": "GET"})
    asked = task(parse_resource("arn:aws:states:::apigateway:invoke"), given)
    (outcome,) = [outcome async for outcome in integration.run(asked)]
    assert isinstance(outcome, Failed)
    assert outcome.error == "Stepwell.HostNotAllowed"
