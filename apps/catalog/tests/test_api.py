"""The backend's routes: what a caller is answered when all is well, and when something is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from apps.catalog import poller
from apps.catalog.api import api
from apps.catalog.tests.conftest import RunningVendor, listening
from apps.catalog.vendor import VendorServer

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:CatalogStatusPollerStateMachine"
EXECUTION = MACHINE.replace(":stateMachine:", ":execution:")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """An AWS endpoint that takes every StartExecution; gives the requests that it took."""
    requests: list[dict[str, Any]] = []

    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        request = json.loads(await Request(scope, receive).body())
        again = request.get("name") in [taken.get("name") for taken in requests]
        requests.append(request)
        if "executionArn" in request:
            answer = JSONResponse({**request, "status": "RUNNING"})
        elif again:
            answer = JSONResponse({"__type": "ExecutionAlreadyExists", "message": "it runs"}, 400)
        else:
            answer = JSONResponse({"executionArn": f"{EXECUTION}:{request['name']}", "startDate": 1.0})
        await answer(scope, receive, send)

    with listening(endpoint) as url:
        workflow_at(url, monkeypatch)
        yield requests


def workflow_at(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    poller._client.cache_clear()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SFN", url)
    monkeypatch.setenv("CATALOG_POLLER_STEP_FUNCTION_ARN", MACHINE)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")


@pytest.fixture
def client(database: Path) -> httpx.AsyncClient:
    assert not database.exists()
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=api), base_url="http://app")


async def create(client: httpx.AsyncClient, token: str, name: object = "books") -> httpx.Response:
    return await client.post("/catalogs", json={"catalog_name": name}, headers={"Authorization": f"Bearer {token}"})


async def test_it_answers_with_the_row_and_the_execution(
    client: httpx.AsyncClient, vendor: RunningVendor, started: list[dict[str, Any]]
) -> None:
    token = vendor.token()
    answer = await create(client, token)

    assert answer.status_code == 201
    row = answer.json()["catalog"]
    assert row["catalog_name"] == "books"
    assert row["knowledge_base_id"] is None
    assert row["data_source_id"] is None
    assert answer.json()["execution_arn"] == f"{EXECUTION}:{row['catalog_id']}"

    (request,) = started
    assert request["stateMachineArn"] == MACHINE
    given = json.loads(request["input"])
    assert given.keys() == {"catalog_name", "catalog_id", "jwt_token", "refresh_token"}
    assert given["jwt_token"] == token
    assert given["refresh_token"]

    shown = await client.get("/catalogs/books", headers={"Authorization": f"Bearer {token}"})
    assert shown.json() == {"catalog": row}


async def test_posting_twice_is_one_catalog_and_one_poll(
    client: httpx.AsyncClient, vendor: RunningVendor, started: list[dict[str, Any]]
) -> None:
    first, second = await create(client, vendor.token()), await create(client, vendor.token())
    assert first.json() == second.json()
    starts = [request for request in started if "stateMachineArn" in request]
    assert starts[0]["name"] == starts[1]["name"]  # the second is told that it runs


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (None, "A bearer token is needed."),
        ("Basic YTpi", "A bearer token is needed."),
        ("Bearer nonsense", "The token is not valid."),
        ("Bearer {expired}", "The token has expired."),
        ("Bearer {foreign}", "The token is not valid."),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_caller_without_a_good_token_is_told_why(
    client: httpx.AsyncClient, vendor: RunningVendor, method: str, header: str | None, reason: str
) -> None:
    foreign = VendorServer("another-key-that-is-long-enough-for-hs256", ("", "")).issue("eve")
    headers = {"Authorization": header.format(expired=vendor.token(-1), foreign=foreign)} if header else {}
    answer = await client.request(method, "/catalogs" + ("/books" if method == "GET" else ""), headers=headers)
    assert answer.status_code == 401
    assert answer.json() == {"message": reason}
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("name", [None, "", 7, "../secrets", "a b", "x" * 64])
async def test_a_name_that_cannot_be_used_is_refused(
    client: httpx.AsyncClient, vendor: RunningVendor, name: object
) -> None:
    assert (await create(client, vendor.token(), name)).status_code == 400


async def test_an_unknown_catalog_is_not_found(client: httpx.AsyncClient, vendor: RunningVendor) -> None:
    answer = await client.get("/catalogs/none", headers={"Authorization": f"Bearer {vendor.token()}"})
    assert answer.status_code == 404


@pytest.mark.parametrize("status", [500, 429, 503])
async def test_a_vendor_that_fails_is_a_bad_gateway_and_leaves_no_row(
    client: httpx.AsyncClient, vendor: RunningVendor, status: int
) -> None:
    vendor.server.behaviour.fail_next = [status]
    answer = await create(client, vendor.token())
    assert answer.status_code == 502
    assert str(status) in answer.json()["message"]
    shown = await client.get("/catalogs/books", headers={"Authorization": f"Bearer {vendor.token()}"})
    assert shown.status_code == 404


async def test_a_vendor_that_is_down_is_a_bad_gateway(
    client: httpx.AsyncClient, vendor: RunningVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VENDOR_URL", "http://127.0.0.1:9")
    assert (await create(client, vendor.token())).status_code == 502


async def test_an_answer_that_the_vendor_lost_is_asked_for_again(
    client: httpx.AsyncClient, vendor: RunningVendor, started: list[dict[str, Any]]
) -> None:
    vendor.server.behaviour.lose_next = 1
    assert (await create(client, vendor.token())).status_code == 201
    assert len(started) == 1


@pytest.mark.parametrize("cause", ["no machine is named", "nothing listens"])
async def test_a_workflow_that_cannot_be_started_still_leaves_a_catalog_and_says_so(
    client: httpx.AsyncClient, vendor: RunningVendor, monkeypatch: pytest.MonkeyPatch, cause: str
) -> None:
    if cause == "nothing listens":
        workflow_at("http://127.0.0.1:9", monkeypatch)
    answer = await create(client, vendor.token())
    assert answer.status_code == 201
    assert answer.json()["catalog"]["catalog_name"] == "books"
    assert answer.json()["execution_arn"] is None
    assert "could not be started" in answer.json()["message"]
