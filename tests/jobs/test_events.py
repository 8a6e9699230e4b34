"""Server-sent events: what becomes of a job, as it happens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from stepwell.api.jobs import events as module
from tests.jobs.conftest import House, Houses, Work
from tests.jobs.sample_app import app
from tests.patience import PATIENCE, come

TRENDS = {"industry": "shoes", "keywords": []}


@dataclass
class Event:
    id: str
    event: str
    data: Any


@asynccontextmanager
async def following(house: House, id_: str, last: str | None = None) -> AsyncIterator[AsyncIterator[Event | str]]:
    """The events of a job, and comments as texts."""
    headers = {} if last is None else {"Last-Event-ID": last}
    async with house.http.stream("GET", f"/jobs/{id_}/events", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"

        async def events() -> AsyncIterator[Event | str]:
            fields: dict[str, str] = {}
            async for line in answer.aiter_lines():
                if line.startswith(":"):
                    yield line
                elif line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif "data" in fields:
                    yield Event(fields["id"], fields["event"], json.loads(fields["data"]))
                    fields = {}

        yield events()


async def following_event(events: AsyncIterator[Event | str]) -> Event:
    found = await asyncio.wait_for(anext(events), PATIENCE)
    assert isinstance(found, Event)
    return found


def report(house: House, work: Work, fraction: float, message: str) -> None:
    house.jobs.reported(work.task.execution_arn, fraction, message)


async def test_a_stream_tells_status_and_progress_and_ends_with_the_job(houses: Houses) -> None:
    async with houses.open(app) as house:
        id_ = await house.start("trends", TRENDS)
        work = await house.work()
        async with following(house, id_) as events:
            first = await following_event(events)
            assert (first.event, first.data["status"]) == ("status", "PROCESSING")
            assert "inputs" not in first.data
            report(house, work, 0.4, "fetching")
            progress = await following_event(events)
            assert (progress.event, progress.data["fraction"]) == ("progress", 0.4)
            assert progress.data["message"] == "fetching"
            work.done({"terms": []})
            last = await following_event(events)
            assert (last.data["status"], last.data["outputs"]) == ("COMPLETED", {"terms": []})
            with pytest.raises(StopAsyncIteration):
                await asyncio.wait_for(anext(events), PATIENCE)


async def test_a_stream_begins_with_where_the_job_stands(houses: Houses) -> None:
    async with houses.open(app) as house:
        await house.start("single", {"n": 0})
        waits = await house.start("single", {"n": 1})
        async with following(house, waits) as events:
            assert (await following_event(events)).data["status"] == "PENDING"
            (await house.work()).done(0)
            assert (await following_event(events)).data["status"] == "PROCESSING"
            (await house.work()).done(1)
            assert (await following_event(events)).data["status"] == "COMPLETED"


async def test_a_client_that_comes_back_is_told_only_what_is_newer(houses: Houses) -> None:
    async with houses.open(app) as house:
        id_ = await house.start("trends", TRENDS)
        work = await house.work()
        report(house, work, 0.1, "one")
        async with following(house, id_) as events:
            seen = [await following_event(events) for _ in range(2)]
        assert {event.event for event in seen} == {"status", "progress"}
        report(house, work, 0.2, "two")
        async with following(house, id_, seen[-1].id) as events:
            progress = await following_event(events)
            assert (progress.event, progress.data["message"]) == ("progress", "two")
            work.done(1)
            last = await following_event(events)
        answer = await house.http.get(f"/jobs/{id_}/events", headers={"Last-Event-ID": last.id})
        assert answer.status_code == 204  # a browser asks no more
        async with following(house, id_, progress.id) as events:
            assert (await following_event(events)).data["status"] == "COMPLETED"


async def test_a_silent_stream_is_kept_open_by_comments(houses: Houses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.JobEvents.__init__, "__defaults__", (0.05,))
    async with houses.open(app) as house:
        id_ = await house.start("trends", TRENDS)
        async with following(house, id_) as events:
            await following_event(events)
            assert str(await asyncio.wait_for(anext(events), PATIENCE)).startswith(":")


async def test_a_stream_ends_when_the_server_stops(houses: Houses) -> None:
    async with houses.open(app) as house:
        id_ = await house.start("trends", TRENDS)
        async with following(house, id_) as events:
            await following_event(events)
            house.closing.set()
            with pytest.raises(StopAsyncIteration):
                await asyncio.wait_for(anext(events), PATIENCE)


async def test_a_client_that_leaves_leaves_nothing_behind(houses: Houses) -> None:
    async with houses.open(app) as house:
        id_ = await house.start("trends", TRENDS)
        async with following(house, id_) as events:
            await following_event(events)
            assert house.jobs._watchers
        await come(lambda: _nobody_watches(house))


async def _nobody_watches(house: House) -> bool:
    return not house.jobs._watchers and not house.jobs._watched


async def test_progress_is_written_down_and_told_with_the_job(houses: Houses) -> None:
    async with houses.open(app, "jobs.db") as house:
        id_ = await house.start("trends", TRENDS)
        work = await house.work()
        report(house, work, 0.25, "reading")
        job = await house.job(id_)
        assert (job["progress"]["fraction"], job["progress"]["message"]) == (0.25, "reading")
        assert job["updated_at"] >= job["progress"]["at"]
    async with houses.open(app, "jobs.db") as house:
        assert (await house.job(id_))["progress"]["message"] == "reading"


async def test_progress_of_what_is_no_job_is_passed_over(houses: Houses) -> None:
    async with houses.open(app) as house:
        for arn in (None, "", "arn:aws:states:us-east-1:123456789012:execution:other:x"):
            house.jobs.reported(arn, 0.5, "x")
        assert house.jobs.progress.latest("x") is None
