"""kill -9 under a crowd of jobs: none is lost, each result is recorded once, no handler runs twice at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

from benchmarks import jobs
from benchmarks.client import Connection

COUNT = 60


def test_a_crowd_of_jobs_outlives_a_kill(tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(jobs.crowd(tmp_path, COUNT, 16, 2.0, kill=True), 100))


def test_jobs_that_wait_for_others_outlive_a_kill_in_their_order(tmp_path: Path) -> None:
    server = jobs.serve(tmp_path)

    async def scenario() -> None:
        nonlocal server
        posted = await jobs.post(server.url, COUNT, 16, 0.05)
        server.kill()  # while most of them still wait, some run, some have ended
        server = jobs.serve(tmp_path, server.port)
        await jobs.finished(server.url, posted.ids, 60)
        connection = await Connection.open(server.url)
        status, _ = await connection.send("GET", f"/jobs/{posted.ids[0]}")
        connection.close()
        assert status == 200

    try:
        asyncio.run(asyncio.wait_for(scenario(), 90))
    finally:
        server.kill()
    assert jobs.runs(tmp_path, COUNT) >= COUNT
