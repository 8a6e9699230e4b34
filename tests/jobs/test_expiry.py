"""Jobs leave by themselves."""

from __future__ import annotations

from tests.jobs.conftest import House, Houses
from tests.jobs.sample_app import app
from tests.patience import come


async def test_a_job_that_has_ended_leaves_with_its_execution_when_its_time_is_over(houses: Houses) -> None:
    async with houses.open(app) as house:
        id_ = await house.start("brief")
        row = await house.jobs.find(id_)
        assert row is not None
        (await house.work()).done(None)
        await come(lambda: _is_gone(house, id_))
        assert await house.context.store.load_execution(row.key) is None
        assert (await house.http.get("/jobs")).json()["jobs"] == []


async def test_a_job_that_runs_stays_until_it_has_ended(houses: Houses) -> None:
    async with houses.open(app) as house:
        other = await house.start("brief")
        (await house.work()).done(None)
        id_ = await house.start("brief")
        work = await house.work()
        await come(lambda: _is_gone(house, other))
        await come(lambda: _is_over(house, id_))
        assert (await house.job(id_))["status"] == "PROCESSING"
        work.done(None)
        await come(lambda: _is_gone(house, id_))


async def test_what_expired_while_no_server_ran_leaves_when_one_starts(houses: Houses) -> None:
    async with houses.open(app, "jobs.db") as house:
        id_ = await house.start("trends", {"industry": "shoes", "keywords": []})
        (await house.work()).done(None)
        await house.ended(id_)
    now = houses.now
    houses.now = lambda: now() + 7 * 24 * 3600 * 1000
    async with houses.open(app, "jobs.db") as house:
        await come(lambda: _is_gone(house, id_))


async def test_a_job_whose_execution_was_let_go_of_is_gone(houses: Houses) -> None:
    async with houses.open(app) as house:
        id_ = await house.start("trends", {"industry": "shoes", "keywords": []})
        (await house.work()).done(None)
        await house.ended(id_)
        row = await house.jobs.find(id_)
        assert row is not None
        await house.context.store.delete_execution(row.key)
        assert await _is_gone(house, id_)
        assert (await house.http.get("/jobs")).json()["jobs"] == []


async def test_a_job_that_is_gone_makes_way_for_one_with_its_idempotency_key(houses: Houses) -> None:
    async with houses.open(app) as house:
        ids = []
        for _ in range(2):
            ids.append(await house.start("single", {"n": 1}, **{"Idempotency-Key": "k"}))
            (await house.work()).done(1)
            await house.ended(ids[-1])
            row = await house.jobs.find(ids[-1])
            assert row is not None
            await house.context.store.delete_execution(row.key)
        assert ids[0] == ids[1]
        await house.start("single", {"n": 2})
        waits = await house.start("single", {"n": 1}, **{"Idempotency-Key": "k"})
        assert (await house.job(waits))["status"] == "PENDING"


async def _is_gone(house: House, id_: str) -> bool:
    return (await house.http.get(f"/jobs/{id_}")).status_code == 404


async def _is_over(house: House, id_: str) -> bool:
    row = await house.jobs.find(id_)
    return row is not None and row.new.expires_at < house.context.now() - 1_100
