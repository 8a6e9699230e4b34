"""1,000 jobs posted at once, each of a minute: how soon each is answered, and what a kill in mid-flight costs.

    python -m benchmarks.jobs --jobs 1000 --connections 64 --seconds 60 --kill

Rules that must stay true here:
- What is lost, recorded twice or run twice at once ends the measurement: a figure beside it would be none.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.client import Connection, Failed
from benchmarks.figure import Sample, at_most, figures, percentile, table
from tests.server import Server, start

ARN = "arn:aws:states:us-east-1:123456789012:execution:job-wait:"


@dataclass(frozen=True)
class Posted:
    """The ids of the jobs, and how many seconds each answer took."""

    ids: list[str]
    took: list[float]


def serve(folder: Path, port: int = 0) -> Server:
    """A server with the app, whose handlers note their runs in the folder; whoever calls ends it."""
    return start(folder, ["benchmarks.jobs_app:app"], port=port, environment={"JOBS_FOLDER": str(folder)})


async def post(url: str, count: int, connections: int, seconds: float, first: int = 0) -> Posted:
    """Start jobs over many connections, as fast as they are answered; `first` is the number of the first.

    Raises Failed.
    """
    ids: list[str] = [""] * count
    took: list[float] = []
    waiting: Iterator[int] = iter(range(count))

    async def work(connection: Connection) -> None:
        for n in waiting:
            body = json.dumps({"n": first + n, "seconds": seconds}).encode()
            began = time.perf_counter()
            status, answer = await connection.send("POST", "/jobs/wait", body)
            took.append(time.perf_counter() - began)
            if status != 202:
                raise Failed(f"{status}: {answer.decode()}")
            ids[n] = json.loads(answer)["job_id"]
        connection.close()

    opened = [await Connection.open(url) for _ in range(connections)]
    await asyncio.gather(*(work(connection) for connection in opened))
    return Posted(ids, took)


async def finished(url: str, ids: Sequence[str], seconds: float, first: int = 0) -> None:
    """Wait until every job has ended, then see that each has its own result, once. Raises Failed."""
    connection = await Connection.open(url)
    deadline = time.monotonic() + seconds
    for n, id_ in enumerate(ids, first):
        job: dict[str, object] = {"status": "PENDING"}
        while job["status"] in ("PENDING", "PROCESSING"):
            if time.monotonic() > deadline:
                raise Failed(f"the job {n} has not ended: {job}")
            status, answer = await connection.send("GET", f"/jobs/{id_}", prefer="wait=30")
            if status != 200:
                raise Failed(f"the job {n} is lost: {answer.decode()}")
            job = json.loads(answer)
        if (job["status"], job.get("outputs")) != ("COMPLETED", n):
            raise Failed(f"the job {n} has ended as {job}")
        history = await connection.ask("GetExecutionHistory", executionArn=ARN + id_, maxResults=100)
        types = [event["type"] for event in history["events"]]
        if types.count("LambdaFunctionSucceeded") != 1 or types.count("ExecutionSucceeded") != 1:
            raise Failed(f"the result of the job {n} is recorded as {types}")
    connection.close()


def runs(folder: Path, count: int) -> int:
    """How often handlers ran. Raises Failed where two copies of one ran at once, or one ran under two keys."""
    if twice := sorted(path.stem for path in folder.glob("*.twice")):
        raise Failed(f"two copies of a handler ran at once: {', '.join(twice)}")
    total = 0
    for n in range(count):
        keys = (folder / f"{n}.lock").read_text().splitlines()
        if len(set(keys)) != 1:
            raise Failed(f"the job {n} ran under {keys}")
        total += len(keys)
    return total


async def crowd(folder: Path, count: int, connections: int, seconds: float, kill: bool) -> list[Sample]:
    """Post jobs, kill the server half-way where that is asked for, and wait for all. Raises Failed."""
    name = f"{count:,} jobs of {seconds:g} s, posted over {connections} connections"
    server = serve(folder)
    try:
        warm = await post(server.url, 1, 1, 0.0, count)
        await finished(server.url, warm.ids, 60, count)
        began = time.perf_counter()
        posted = await post(server.url, count, connections, seconds)
        answered = time.perf_counter() - began
        if kill:
            await asyncio.sleep(max(0.0, began + answered + seconds / 2 - time.perf_counter()))
            server.kill()
            server = serve(folder, server.port)
        await finished(server.url, posted.ids, seconds * 3 + 120)
        ended = time.perf_counter() - began
    finally:
        server.kill()
    ran = runs(folder, count)
    samples = [
        Sample(f"{name}: answer, p50", percentile(posted.took, 50) * 1000, "ms"),
        Sample(f"{name}: answer, p99", percentile(posted.took, 99) * 1000, "ms", at_most(100)),
        Sample(f"{name}: all ended", ended, "s", beside=f"{seconds:g} s each, at once"),
    ]
    if kill:
        lost_none = f"{count:,} jobs, none lost"
        samples.append(Sample(f"{name}: runs of handlers, the server killed half-way", ran, "", beside=lost_none))
    return samples


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.jobs", description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1_000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--kill", action="store_true", help="kill the server half-way, and start it again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stepwell-jobs-") as folder:
        asked = crowd(Path(folder), options.jobs, options.connections, options.seconds, options.kill)
        print(table(figures("jobs", [asyncio.run(asked)])))


if __name__ == "__main__":
    main()
