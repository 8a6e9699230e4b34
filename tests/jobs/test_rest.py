"""The jobs API over HTTP: start, ask, wait, cancel, list."""

from __future__ import annotations

import asyncio
import time

import httpx

from stepwell.engine.trace import headers_of
from tests.jobs.conftest import Houses
from tests.jobs.sample_app import app
from tests.patience import PATIENCE, come

TRENDS = {"industry": "shoes", "keywords": ["sole", "lace"]}


async def test_a_start_is_answered_before_the_work_is_done(houses: Houses) -> None:
    async with houses.open(app) as house:
        answer = await house.post("trends", TRENDS)
        assert answer.status_code == 202
        started = answer.json()
        assert answer.headers["location"] == f"/jobs/{started['job_id']}"
        assert int(answer.headers["retry-after"]) >= 1
        assert started["status"] == "PENDING"
        assert started["links"]["events"] == f"/jobs/{started['job_id']}/events"

        running = await house.http.get(answer.headers["location"])
        assert running.json()["status"] == "PROCESSING"
        assert running.json()["inputs"] == TRENDS
        assert int(running.headers["retry-after"]) >= 1

        work = await house.work()
        assert work.input == TRENDS
        work.done({"terms": ["sole"]})
        job = await house.ended(started["job_id"])
        assert (job["status"], job["outputs"]) == ("COMPLETED", {"terms": ["sole"]})
        assert job["updated_at"] >= job["created_at"] == started["created_at"]
        assert job["expires_at"] == job["created_at"] + 7 * 24 * 3600


async def test_a_long_poll_is_answered_when_the_job_ends(houses: Houses) -> None:
    async with houses.open(app) as house:
        id_ = await house.start("trends", TRENDS)
        waiting = asyncio.ensure_future(house.http.get(f"/jobs/{id_}", headers={"Prefer": "wait=30"}))
        work = await house.work()
        assert not waiting.done()
        work.done(1)
        answer = await asyncio.wait_for(waiting, PATIENCE)
        assert answer.headers["preference-applied"] == "wait=30"
        assert answer.json()["status"] == "COMPLETED"
        assert "retry-after" not in answer.headers


async def test_a_long_poll_ends_by_itself_after_its_time(houses: Houses) -> None:
    async with houses.open(app) as house:
        id_ = await house.start("trends", TRENDS)
        began = time.monotonic()
        answer = await house.http.get(f"/jobs/{id_}", headers={"Prefer": "wait=1"})
        assert answer.json()["status"] == "PROCESSING"
        assert time.monotonic() - began >= 0.9
        assert "retry-after" in answer.headers


async def test_a_long_poll_is_answered_when_the_server_stops(houses: Houses) -> None:
    async with houses.open(app) as house:
        id_ = await house.start("trends", TRENDS)
        waiting = asyncio.ensure_future(house.http.get(f"/jobs/{id_}", headers={"Prefer": "wait=60"}))
        await come(lambda: _is_watched(house.jobs._watchers, id_))
        house.closing.set()
        answer = await asyncio.wait_for(waiting, 40)  # else it ends after a minute
        assert answer.json()["status"] == "PROCESSING"


async def _is_watched(watchers: dict[str, object], id_: str) -> bool:
    return id_ in watchers


async def test_a_failure_tells_its_message_and_no_stack_trace(houses: Houses) -> None:
    async with houses.open(app) as house:
        id_ = await house.start("trends", TRENDS)
        (await house.work()).failed("ValueError", "no such industry")
        job = await house.ended(id_)
        assert (job["status"], job["error"], job["error_message"]) == ("FAILED", "ValueError", "no such industry")
        assert "stackTrace" not in str(job)
        assert "outputs" not in job


async def test_cancelling_ends_the_handler_and_may_be_asked_again(houses: Houses) -> None:
    async with houses.open(app) as house:
        id_ = await house.start("trends", TRENDS)
        work = await house.work()
        answer = await house.http.delete(f"/jobs/{id_}")
        assert (answer.status_code, answer.json()["status"]) == (200, "CANCELLED")
        await come(lambda: _no_longer(house.handlers.running, work))
        again = await house.http.delete(f"/jobs/{id_}")
        assert (again.status_code, again.json()) == (200, answer.json())


async def _no_longer(running: list[object], work: object) -> bool:
    return work not in running


async def test_cancelling_a_job_that_has_ended_leaves_it_as_it_is(houses: Houses) -> None:
    async with houses.open(app) as house:
        id_ = await house.start("trends", TRENDS)
        (await house.work()).done(1)
        job = await house.ended(id_)
        assert (await house.http.delete(f"/jobs/{id_}")).json() == job


async def test_jobs_are_listed_newest_first_and_by_page(houses: Houses) -> None:
    async with houses.open(app) as house:
        ids = [await house.start("trends", TRENDS) for _ in range(5)]
        page = await house.http.get("/jobs?limit=2")
        assert [job["job_id"] for job in page.json()["jobs"]] == ids[:-3:-1]
        assert "inputs" not in page.json()["jobs"][0]
        found = [job["job_id"] for job in page.json()["jobs"]]
        while token := page.json()["next"]:
            assert page.headers["link"].endswith('rel="next"')
            page = await house.http.get("/jobs", params={"limit": 2, "next": token})
            found += [job["job_id"] for job in page.json()["jobs"]]
        assert found == ids[::-1]


async def test_a_listing_is_filtered(houses: Houses) -> None:
    async with houses.open(app) as house:
        done = await house.start("trends", TRENDS)
        (await house.work()).done(1)
        created = (await house.ended(done))["created_at"]
        of_a = await house.start("shared", {"customer": "a", "n": 1})
        waits = await house.start("shared", {"customer": "a", "n": 2})

        async def listed(**params: object) -> list[str]:
            answer = await house.http.get("/jobs", params=params)
            assert answer.status_code == 200, answer.text
            return [job["job_id"] for job in answer.json()["jobs"]]

        assert await listed(type="trends") == [done]
        assert await listed(status="COMPLETED") == [done]
        assert await listed(status="PROCESSING") == [of_a]
        assert await listed(status="PENDING") == [waits]
        assert await listed(status="FAILED") == []
        assert await listed(key="a") == [waits, of_a]
        assert await listed(type="shared", key="a", status="PENDING") == [waits]
        assert await listed(created_before=created) == []
        assert await listed(created_after=created) == [waits, of_a, done]


async def test_a_wrong_filter_is_a_problem_that_says_what_is_taken(houses: Houses) -> None:
    async with houses.open(app) as house:
        for query, expected in (
            ("status=DONE", "PENDING, PROCESSING"),
            ("limit=0", "1 to 100"),
            ("created_after=soon", "Unix seconds"),
            ("next=abc", "gave as `next`"),
            ("typ=trends", "filters are type"),
        ):
            answer = await house.http.get(f"/jobs?{query}")
            assert answer.status_code == 400
            assert answer.headers["content-type"] == "application/problem+json"
            assert expected in answer.json()["detail"]


async def test_what_is_not_there_is_a_problem(houses: Houses) -> None:
    async with houses.open(app) as house:
        for method, path in (("GET", "/jobs/nope"), ("DELETE", "/jobs/nope"), ("GET", "/jobs/nope/events")):
            answer = await house.http.request(method, path)
            assert (answer.status_code, answer.json()["type"]) == (404, "urn:stepwell:problem:job-not-found")
        answer = await house.post("trend")
        assert answer.status_code == 404
        assert "brief, order, shared, single, trends" in answer.json()["detail"]


async def test_methods_that_are_not_served_are_told_which_are(houses: Houses) -> None:
    async with houses.open(app) as house:
        id_ = await house.start("trends", TRENDS)
        for path in ("/jobs", f"/jobs/{id_}", f"/jobs/{id_}/events"):
            allowed = (await house.http.options(path)).headers["allow"]
            assert (await house.http.head(path)).status_code == 200
            refused = await house.http.patch(path)
            assert (refused.status_code, refused.headers["allow"]) == (405, allowed)
        assert (await house.http.head(f"/jobs/{id_}")).content == b""


async def test_an_error_inside_the_server_tells_nothing_of_it(
    houses: Houses, monkeypatch: object, caplog: object
) -> None:
    async with houses.open(app) as house:

        async def break_(_: str) -> None:
            raise RuntimeError("the secret of the house")

        house.jobs.find = break_  # type: ignore[assignment, method-assign]
        answer: httpx.Response = await house.http.get("/jobs/x")
        assert answer.status_code == 500
        assert "secret" not in answer.text
        assert answer.json()["title"] == "Internal server error"


async def test_a_time_that_no_clock_shows_is_refused_by_name(houses: Houses) -> None:
    async with houses.open(app) as house:
        for seconds in ("99999999999999999999", "-1e30", "nan", "inf"):
            answer = await house.http.get("/jobs", params={"created_after": seconds})
            assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (400, "created_after")


async def test_an_address_below_jobs_that_nothing_is_at_is_a_problem(houses: Houses) -> None:
    async with houses.open(app) as house:
        for path in ("/jobs//events", "/jobs/x/more", "/jobs/x/events/more"):
            answer = await house.http.get(path)
            assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
        assert (await house.http.get("/jobs/")).json() == {"jobs": [], "next": None}


async def test_a_job_is_part_of_the_trace_that_it_was_asked_for_in(houses: Houses) -> None:
    given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with houses.open(app) as house:
        await house.start("trends", TRENDS, traceparent=given, tracestate="vendor=1")
        work = await house.work()
        assert work.task.trace is not None
        assert headers_of(work.task.trace) == {"traceparent": given, "tracestate": "vendor=1"}
        work.done({"terms": []})
