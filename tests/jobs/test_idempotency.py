"""Idempotency-Key: the same request, however often it is sent, makes one job."""

from __future__ import annotations

import asyncio

from tests.jobs.conftest import Houses
from tests.jobs.sample_app import app
from tests.patience import come

KEY = {"Idempotency-Key": "order-17"}


async def test_the_same_key_and_body_give_the_same_answer(houses: Houses) -> None:
    async with houses.open(app) as house:
        first = await house.post("single", {"n": 1}, **KEY)
        (await house.work()).done(1)
        await house.ended(first.json()["job_id"])
        again = await house.http.post(
            "/jobs/single", content=b'{ "n":1 }', headers={**KEY, "content-type": "application/json"}
        )
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers["location"] == first.headers["location"]
        assert house.handlers.asked.empty()


async def test_requests_at_the_same_time_make_one_job(houses: Houses) -> None:
    async with houses.open(app) as house:
        answers = await asyncio.gather(*(house.post("trends", _TRENDS, **KEY) for _ in range(20)))
        assert len({answer.content for answer in answers}) == 1
        assert len((await house.http.get("/jobs")).json()["jobs"]) == 1


_TRENDS = {"industry": "shoes", "keywords": []}


async def test_the_same_key_with_another_body_is_refused(houses: Houses) -> None:
    async with houses.open(app) as house:
        await house.start("single", {"n": 1}, **KEY)
        answer = await house.post("single", {"n": 2}, **KEY)
        assert answer.status_code == 422
        assert answer.json()["type"] == "urn:stepwell:problem:idempotency-key-reused"
        assert "Send a new key" in answer.json()["detail"]


async def test_a_key_belongs_to_its_job_type(houses: Houses) -> None:
    async with houses.open(app) as house:
        ids = {await house.start("single", {"n": 1}, **KEY), await house.start("trends", _TRENDS, **KEY)}
        assert len(ids) == 2


async def test_a_job_that_waits_is_found_by_its_key_and_after_a_restart(houses: Houses) -> None:
    async with houses.open(app, "jobs.db") as house:
        await house.start("single", {"n": 0})
        waits = await house.post("single", {"n": 1}, **KEY)
        assert (await house.post("single", {"n": 1}, **KEY)).content == waits.content
    async with houses.open(app, "jobs.db") as house:
        assert (await house.post("single", {"n": 1}, **KEY)).content == waits.content


async def test_a_key_is_forgotten_with_its_job(houses: Houses) -> None:
    async with houses.open(app) as house:
        first = await house.start("brief", **KEY)
        (await house.work()).done(None)
        await come(lambda: _is_gone(house, first))
        again = await house.start("brief", **KEY)
        (await house.work()).done(None)
        assert (await house.ended(again))["status"] == "COMPLETED"


async def _is_gone(house, id_: str) -> bool:  # type: ignore[no-untyped-def]
    return (await house.http.get(f"/jobs/{id_}")).status_code == 404


async def test_a_key_that_is_none_is_refused(houses: Houses) -> None:
    async with houses.open(app) as house:
        for key in ("", "a b", "k" * 256):
            answer = await house.post("single", {"n": 1}, **{"Idempotency-Key": key})
            assert answer.status_code == 400
            assert "1 to 255 visible ASCII characters" in answer.json()["detail"]
