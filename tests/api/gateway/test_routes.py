"""HTTP routes as they are served: where they stand, who may call them, and what starts an execution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from stepwell.api.gateway.route import GatewayRoute
from stepwell.api.gateway.routes import MAX_BODY, Front, gateway_routes
from stepwell.auth.caller import SCOPE_KEY, STRANGER
from stepwell.language.values import Json
from stepwell.tasks.aws.faults import ServiceFault
from stepwell.tasks.function import FunctionRegistry
from stepwell.tasks.lambda_service import LambdaService
from tests.patience import PATIENCE

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:Flow"


class Executions:
    """An API that notes what it is asked, and refuses an input that says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Mapping[str, object]]] = []

    async def call(
        self, operation: str, region: str, members: Mapping[str, object], trace: str | None = None
    ) -> Mapping[str, Json]:
        self.asked.append((operation, members))
        if members["input"] == "bad":
            raise ServiceFault("InvalidExecutionInput", "Invalid State Machine Execution Input", 400, "id")
        return {"executionArn": "arn", "startDate": 1.5}


@pytest.fixture
def api() -> Executions:
    return Executions()


def client(api: Executions, *routes: GatewayRoute, origins: tuple[str, ...] = ()) -> httpx.AsyncClient:
    front = Front(
        functions=LambdaService(FunctionRegistry(), region="eu-west-1"),
        api=api,
        region="eu-west-1",
        account="123456789012",
        origins=origins,
    )
    app = Starlette(routes=gateway_routes(routes, front))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8083", timeout=PATIENCE)


STARTS = GatewayRoute(method="POST", path="/flows", machine="Flow", stage="Prod", rest=True, payload="1.0")


@pytest.mark.parametrize("path", ["/flows", "/Prod/flows"])
async def test_a_route_starts_an_execution_with_the_body(api: Executions, path: str) -> None:
    answer = await client(api, STARTS).post(path, content='{"n": 1}')
    assert (answer.status_code, answer.json()) == (200, {"executionArn": "arn", "startDate": 1.5})
    assert api.asked == [("StartExecution", {"stateMachineArn": MACHINE, "input": '{"n": 1}'})]


@pytest.mark.parametrize("path", ["/Prod", "/Prod/"])
async def test_the_root_of_a_stage_ends_with_a_slash_or_not(api: Executions, path: str) -> None:
    root = GatewayRoute(method="POST", path="/", machine="Flow", stage="Prod", rest=True, payload="1.0")
    assert (await client(api, root).post(path)).status_code == 200


async def test_without_a_body_the_input_is_an_empty_object(api: Executions) -> None:
    await client(api, STARTS).post("/flows")
    assert api.asked[0][1]["input"] == "{}"


async def test_what_step_functions_refuses_is_answered_as_it_does(api: Executions) -> None:
    answer = await client(api, STARTS).post("/flows", content="bad")
    assert answer.status_code == 400
    assert answer.json()["__type"] == "InvalidExecutionInput"


async def test_a_body_that_is_too_long_is_refused(api: Executions) -> None:
    answer = await client(api, STARTS).post("/flows", content=b"x" * (MAX_BODY + 1))
    assert (answer.status_code, answer.json()) == (413, {"message": "Request Too Long"})
    assert api.asked == []


async def test_a_function_that_is_not_there_is_the_server_s_error(api: Executions) -> None:
    answer = await client(api, GatewayRoute(method="GET", path="/x", function="None")).get("/x")
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})


async def test_another_method_is_not_served(api: Executions) -> None:
    assert (await client(api, STARTS).get("/flows")).status_code == 405


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8083", 200),
        ("http://localhost:3000", 200),
        ("https://shop.example", 200),
        ("https://evil.example", 403),
    ],
)
async def test_pages_of_this_machine_and_of_allowed_origins_may_call(api: Executions, origin: str, status: int) -> None:
    answer = await client(api, STARTS, origins=("https://shop.example",)).post("/flows", headers={"origin": origin})
    assert answer.status_code == status
    assert len(api.asked) == (status == 200)


async def test_a_browser_is_told_whether_it_may_call(api: Executions) -> None:
    asked = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    shop = client(api, STARTS, origins=("https://shop.example",))
    assert (await shop.options("/flows", headers=asked)).headers["access-control-allow-origin"] == asked["origin"]
    refused = await shop.options("/flows", headers={**asked, "origin": "https://evil.example"})
    assert refused.status_code == 400
    assert (await shop.options("/flows")).status_code == 404
    assert api.asked == []


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_a_route_of_any_method_and_any_path_takes_all(api: Executions, method: str) -> None:
    anything = GatewayRoute(method="ANY", path="/{proxy+}", machine="Flow")
    assert (await client(api, anything).request(method, "/some/where")).status_code == 200


async def test_a_preflight_that_nobody_was_asked_for_calls_nothing(api: Executions) -> None:
    """Where callers are asked who they are, a preflight comes without a credential; so may a stranger's call."""
    found = client(api, msgspec.structs.replace(STARTS, method="ANY"))
    asking = Starlette(routes=[Mount("/", app=_passing_strangers(found))])
    preflight = {"origin": "http://127.0.0.1", "access-control-request-method": "POST"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(asking), base_url="http://127.0.0.1:8083") as http:
        assert (await http.request("OPTIONS", "/flows", headers=preflight)).status_code == 404
    assert api.asked == []
    async with found:  # where nobody is asked, the route is of any method
        assert (await found.request("OPTIONS", "/flows", headers=preflight)).status_code == 200
    assert len(api.asked) == 1


def _passing_strangers(client: httpx.AsyncClient) -> ASGIApp:
    """An application as it is behind a guard that has let a stranger's request pass."""
    transport = client._transport
    assert isinstance(transport, httpx.ASGITransport)
    inner = cast("ASGIApp", transport.app)

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        await inner({**scope, SCOPE_KEY: STRANGER}, receive, send)

    return guarded
