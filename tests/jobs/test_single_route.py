"""A job behind one route: its form is fixed, because clients of it exist."""

from __future__ import annotations

import hashlib
import json

import httpx
import pytest

from stepwell.api.app import create_app
from stepwell.api.jobs.routes import job_paths, single_routes
from stepwell.auth.opening import open_auth
from stepwell.auth.table import AuthTable, TokenTable
from tests.jobs.conftest import House, Houses
from tests.jobs.sample_app import app

START = {"industry": "shoes", "keywords": ["sole"]}
CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-headers": "Content-Type,Authorization",
    "access-control-allow-methods": "POST,OPTIONS",
}


async def post(house: House, body: object) -> tuple[int, dict]:
    answer = await house.http.post("/trends", json=body)
    assert CORS.items() <= answer.headers.items()
    return answer.status_code, answer.json()


async def test_one_post_starts_and_another_polls(houses: Houses) -> None:
    async with houses.open(app) as house:
        status, started = await post(house, START)
        assert status == 200
        id_ = started.pop("job_id")
        assert started == {"status": "PENDING", "message": "Job started, poll for results"}
        work = await house.work()
        assert work.input == START
        assert await post(house, {"job_id": id_}) == (200, {"status": "PROCESSING", "job_id": id_})
        work.done({"timeline": [1], "insights": ["up"]})
        await house.ended(id_)
        assert await post(house, {"job_id": id_}) == (
            200,
            {"status": "COMPLETED", "job_id": id_, "timeline": [1], "insights": ["up"]},
        )


async def test_a_failure_has_a_message(houses: Houses) -> None:
    async with houses.open(app) as house:
        id_ = (await post(house, START))[1]["job_id"]
        (await house.work()).failed("NoSite", "the site does not answer")
        await house.ended(id_)
        failed = {"status": "FAILED", "job_id": id_, "message": "the site does not answer"}
        assert await post(house, {"job_id": id_}) == (200, failed)


@pytest.mark.parametrize(
    "body", [{}, {"industry": "shoes"}, {"industry": "", "keywords": ["a"]}, {"job_id": "x", "a": 1}]
)
async def test_a_start_without_what_it_needs_is_refused(houses: Houses, body: object) -> None:
    async with houses.open(app) as house:
        message = "Missing required fields: industry and keywords"
        assert await post(house, body) == (400, {"status": "FAILED", "message": message})


async def test_other_mistakes_have_the_same_form(houses: Houses) -> None:
    async with houses.open(app) as house:
        status, body = await post(house, {**START, "keywords": 3})
        assert (status, body["status"]) == (400, "FAILED")
        assert "keywords: Expected array, got int" in body["message"]
        for content in (b"{", b"[1]", b'"x"'):
            answer = await house.http.post("/trends", content=content, headers={"content-type": "application/json"})
            assert (answer.status_code, answer.json()["status"]) == (400, "FAILED")
        assert (await house.http.get("/trends")).status_code == 405


async def test_a_job_that_is_not_there_or_of_another_type_is_not_found(houses: Houses) -> None:
    async with houses.open(app) as house:
        other = await house.start("single", {"n": 1})
        for id_ in ("nope", other):
            assert await post(house, {"job_id": id_}) == (404, {"status": "FAILED", "message": f"Job {id_} not found"})


async def test_an_error_inside_the_server_tells_nothing_of_it(houses: Houses) -> None:
    async with houses.open(app) as house:

        async def break_(_: str) -> None:
            raise RuntimeError("the secret of the house")

        house.jobs.find = break_  # type: ignore[assignment, method-assign]
        assert await post(house, {"job_id": "x"}) == (500, {"status": "FAILED", "message": "Internal server error"})


async def test_a_preflight_needs_no_token_and_a_refusal_has_the_same_form(houses: Houses) -> None:
    tokens = {
        "app": TokenTable(sha256=hashlib.sha256(b"open sesame").hexdigest()),
        "eye": TokenTable(sha256=hashlib.sha256(b"only looking").hexdigest(), role="read-only"),
    }
    auth = open_auth(AuthTable(tokens=tokens), {}, "own")
    async with houses.open(app) as house:
        routes = single_routes(house.jobs, app.job_routes, house.context, auth)
        guarded = create_app(house.context, routes, auth, {"/trends": False}, jobs=job_paths(house.jobs, house.context))
        transport = httpx.ASGITransport(guarded)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            preflight = await http.options("/trends", headers={"Origin": "https://a.example"})
            assert preflight.status_code == 200
            assert CORS.items() <= preflight.headers.items()

            refused = await http.post("/trends", json=START)
            assert (refused.status_code, refused.json()["status"]) == (401, "FAILED")
            assert refused.headers["www-authenticate"].startswith("Bearer")
            assert CORS.items() <= refused.headers.items()

            def bearer(token: str) -> dict[str, str]:
                return {"Authorization": f"Bearer {token}"}

            wrong = await http.post("/trends", json=START, headers=bearer("wrong"))
            assert (wrong.status_code, wrong.json()["message"]) == (401, "The token is not known here")
            reader = await http.post("/trends", json=START, headers=bearer("only looking"))
            assert (reader.status_code, reader.json()["status"]) == (403, "FAILED")
            started = await http.post("/trends", json=START, headers=bearer("open sesame"))
            assert started.json()["status"] == "PENDING"
            poll = {"job_id": started.json()["job_id"]}
            seen = await http.post("/trends", json=poll, headers=bearer("only looking"))
            assert (seen.status_code, seen.json()["status"]) == (200, "PROCESSING")
            assert (await http.get("/jobs")).status_code == 401
            assert (await http.get("/jobs/docs")).status_code == 200


async def test_a_start_may_have_an_empty_job_id(houses: Houses) -> None:
    async with houses.open(app) as house:
        for nothing in (None, ""):
            status, body = await post(house, {**START, "job_id": nothing})
            assert (status, body["status"]) == (200, "PENDING")
            status, body = await post(house, {"job_id": nothing})
            assert (status, body["message"]) == (400, "Missing required fields: industry and keywords")


async def test_a_body_is_json_whatever_it_calls_itself(houses: Houses) -> None:
    async with houses.open(app) as house:
        for kind in ("text/plain;charset=UTF-8", "application/x-www-form-urlencoded"):
            answer = await house.http.post("/trends", content=json.dumps(START), headers={"Content-Type": kind})
            assert (answer.status_code, answer.json()["status"]) == (200, "PENDING")
        answer = await house.http.post("/jobs/trends", content=json.dumps(START), headers={"Content-Type": kind})
        assert answer.status_code == 415
