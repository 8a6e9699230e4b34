"""Bounds on what runs at once: jobs that wait are kept in order, and each is started once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from stepwell import Stepwell
from stepwell.store.protocol import StoreError
from tests.jobs.conftest import Houses
from tests.jobs.sample_app import app, single


async def test_a_job_that_must_wait_is_pending_and_knows_its_place(houses: Houses) -> None:
    async with houses.open(app) as house:
        ids = [await house.start("single", {"n": n}) for n in range(3)]
        jobs = [await house.job(id_) for id_ in ids]
        assert [job["status"] for job in jobs] == ["PROCESSING", "PENDING", "PENDING"]
        assert [job.get("position") for job in jobs] == [None, 1, 2]
        assert jobs[2]["inputs"] == {"n": 2}


async def test_the_next_one_starts_when_one_ends_in_the_order_in_which_they_came(houses: Houses) -> None:
    async with houses.open(app) as house:
        ids = [await house.start("single", {"n": n}) for n in range(4)]
        for n in range(4):
            work = await house.work()
            assert work.input == {"n": n}
            assert len(house.handlers.running) == 1
            work.done(n)
            assert (await house.ended(ids[n]))["outputs"] == n


async def test_a_failed_and_a_cancelled_job_make_room_too(houses: Houses) -> None:
    async with houses.open(app) as house:
        ids = [await house.start("single", {"n": n}) for n in range(3)]
        (await house.work()).failed("ValueError", "no")
        await house.work()
        await house.http.delete(f"/jobs/{ids[1]}")
        assert (await house.work()).input == {"n": 2}


async def test_a_job_that_waits_is_cancelled_without_ever_starting(houses: Houses) -> None:
    async with houses.open(app) as house:
        ids = [await house.start("single", {"n": n}) for n in range(3)]
        answer = await house.http.delete(f"/jobs/{ids[1]}")
        assert answer.json()["status"] == "CANCELLED"
        assert answer.json()["inputs"] == {"n": 1}
        assert (await house.job(ids[2]))["position"] == 1
        (await house.work()).done(0)
        assert (await house.work()).input == {"n": 2}
        assert (await house.http.delete(f"/jobs/{ids[1]}")).json()["status"] == "CANCELLED"


async def test_a_key_that_is_full_does_not_hold_up_the_others(houses: Houses) -> None:
    async with houses.open(app) as house:
        for n, customer in enumerate("aaabc"):
            await house.start("shared", {"customer": customer, "n": n})
        first = [await house.work() for _ in range(3)]
        assert sorted(work.input["customer"] for work in first) == ["a", "b", "c"]
        for work in first:
            if work.input["customer"] != "a":
                work.done(0)
        assert len(house.handlers.running) <= 3
        next(work for work in first if work.input["customer"] == "a").done(0)
        assert (await house.work()).input == {"customer": "a", "n": 1}


async def test_a_long_poll_of_a_job_that_waits_lasts_until_it_has_run(houses: Houses) -> None:
    async with houses.open(app) as house:
        await house.start("single", {"n": 0})
        waits = await house.start("single", {"n": 1})
        (await house.work()).done(0)
        (await house.work()).done(1)
        assert (await house.ended(waits))["status"] == "COMPLETED"


async def test_what_waits_and_what_runs_is_taken_up_by_the_next_server(houses: Houses) -> None:
    async with houses.open(app, "jobs.db") as house:
        ids = [await house.start("single", {"n": n}) for n in range(3)]
        await house.work()
    async with houses.open(app, "jobs.db") as house:
        for n in range(3):
            work = await house.work()
            assert work.input == {"n": n}
            assert len(house.handlers.running) == 1
            work.done(n)
        assert [(await house.ended(id_))["outputs"] for id_ in ids] == [0, 1, 2]


async def test_a_start_that_a_crash_has_left_half_done_is_not_made_twice(houses: Houses) -> None:
    async with houses.open(app, "jobs.db") as house:
        ids = [await house.start("single", {"n": n}) for n in range(2)]

        async def lose(_: object) -> None:
            raise StoreError("the process ends here")

        house.jobs._store.dequeue = lose  # type: ignore[method-assign]
        (await house.work()).done(0)
        assert (await house.work()).input == {"n": 1}
    async with houses.open(app, "jobs.db") as house:
        (await house.work()).done(1)
        assert (await house.ended(ids[1]))["outputs"] == 1
        assert house.handlers.asked.empty()


async def test_a_job_whose_machine_is_gone_has_failed_with_the_reason(houses: Houses) -> None:
    async with houses.open(app) as house:
        ids = [await house.start("single", {"n": n}) for n in range(2)]
        machine = await house.context.store.find_machine(
            "arn:aws:states:us-east-1:123456789012:stateMachine:job-single"
        )
        assert machine is not None
        await house.context.store.delete_machine(machine.id)
        ids.append(await house.start("single", {"n": 2}))
        (await house.work()).done(0)
        for id_ in ids[1:]:
            job = await house.ended(id_)
            assert (job["status"], job["error"]) == ("FAILED", "Job.NotHandedOver")
            assert "job-single does not exist" in job["error_message"]
            assert "n" in job["inputs"]
        direct = await house.ended(await house.start("single", {"n": 3}))
        assert (direct["status"], direct["inputs"]) == ("FAILED", {"n": 3})


async def test_a_store_that_refuses_is_a_503_and_nothing_was_done(houses: Houses) -> None:
    async with houses.open(app) as house:

        async def refuse(_: object) -> None:
            raise StoreError("the disk is full")

        commit, house.context.store.commit = house.context.store.commit, refuse  # type: ignore[method-assign, assignment]
        answer = await house.post("single", {"n": 1})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert "disk" not in answer.text
        house.context.store.commit = commit  # type: ignore[method-assign]
        assert (await house.http.get("/jobs")).json()["jobs"] == []
        await house.start("single", {"n": 2})
        assert (await house.work()).input == {"n": 2}


async def test_a_store_that_refuses_to_note_a_start_keeps_no_slot_from_the_next(
    houses: Houses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has begun is still in the queue then: it is not begun again when it has ended."""
    async with houses.open(app) as house:
        store = house.context.store.jobs
        dequeue, refused = store.dequeue, asyncio.Event()

        async def refuse(keys: Sequence[int]) -> None:
            if refused.is_set():
                await dequeue(keys)
                return
            refused.set()
            raise StoreError("the disk is full")

        monkeypatch.setattr(store, "dequeue", refuse)
        ids = [await house.start("single", {"n": n}) for n in range(3)]
        for n in range(3):
            (await house.work()).done(n)
        for n, id_ in enumerate(ids):
            assert (await house.ended(id_))["outputs"] == n
        assert refused.is_set()


async def test_a_job_that_waits_for_a_type_that_is_gone_is_cancelled_or_waits_for_its_type(houses: Houses) -> None:
    async with houses.open(app, "jobs.db") as house:
        ids = [await house.start("single", {"n": n}) for n in range(3)]
        (await house.work()).done(0)
        await house.work()
    other = Stepwell()
    other.job("other")(log_in)
    async with houses.open(other, "jobs.db") as house:
        assert (await house.job(ids[2]))["status"] == "PENDING"
        assert (await house.http.delete(f"/jobs/{ids[2]}")).json()["status"] == "CANCELLED"
    async with houses.open(app, "jobs.db") as house:
        assert (await house.job(ids[1]))["status"] == "PROCESSING"


async def test_a_bound_that_is_lifted_lets_all_start(houses: Houses) -> None:
    async with houses.open(app, "jobs.db") as house:
        for n in range(4):
            await house.start("single", {"n": n})
    lifted = Stepwell()
    lifted.job("single", retries=0, concurrency=4)(single)
    async with houses.open(lifted, "jobs.db") as house:
        assert sorted([(await house.work()).input["n"] for _ in range(4)]) == [0, 1, 2, 3]


async def test_what_is_marked_as_secret_is_stored_nowhere_while_it_waits(houses: Houses) -> None:
    secret = "correct-horse-battery-staple"
    guarded = Stepwell()
    guarded.job("single", retries=0, concurrency=1, sensitive="password")(log_in)
    async with houses.open(guarded, "jobs.db") as house:
        ids = [await house.start("single", {"user": "u", "password": secret}) for _ in range(2)]
        job = await house.job(ids[1])
        assert (job["status"], "inputs" in job) == ("PENDING", False)
        written = b"".join(file.read_bytes() for file in houses.folder.iterdir())
        assert secret.encode() not in written
        for id_ in ids:
            work = await house.work()
            assert work.input == {"user": "u", "password": secret}
            work.done(secret)
            ended = await house.ended(id_)
            assert secret not in str(ended)
    assert secret.encode() not in b"".join(file.read_bytes() for file in houses.folder.iterdir())


async def log_in(user: str, password: str) -> str:
    return user
