"""What the machine itself gives: its disk, SQLite on it, and an HTTP server that does nothing else.

Rules that must stay true here:
- A floor is measured in the run whose figures it stands beside, on the same disk and with the same client.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from apps.processes import free_port
from benchmarks.client import Connection, flood
from benchmarks.figure import Sample
from benchmarks.workloads.workload import CONNECTIONS, Place

SECONDS = 0.5

ECHO = """
import sys, uvicorn

async def echo(scope, receive, send):
    if scope["type"] != "http":
        return
    body = (await receive())["body"]
    head = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": body})

uvicorn.run(echo, port=int(sys.argv[1]), http="httptools", loop="uvloop", log_level="critical", lifespan="off")
"""


def fsyncs(folder: Path) -> float:
    """Writes of 4 KiB that reach the disk, a second."""
    descriptor = os.open(folder / "fsync", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        began, count = time.perf_counter(), 0
        while time.perf_counter() - began < SECONDS:
            os.write(descriptor, b"\0" * 4096)
            os.fsync(descriptor)
            count += 1
        return count / (time.perf_counter() - began)
    finally:
        os.close(descriptor)


def commits(folder: Path, rows: int) -> float:
    """Rows of 300 bytes that SQLite takes durably a second, so many in one transaction."""
    connection = sqlite3.connect(folder / f"commits-{rows}.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, data TEXT)")
    batch = [("x" * 300,)] * rows
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO t (data) VALUES (?)", batch)
        connection.execute("COMMIT")
        count += rows
    rate = count / (time.perf_counter() - began)
    connection.close()
    return rate


async def echoes(port: int, connections: int, body: bytes, count: int) -> float:
    """Requests a second that uvicorn answers when there is nothing to do, over as many connections."""
    process = subprocess.Popen([sys.executable, "-c", ECHO, str(port)])  # noqa: ASYNC220  # nothing else runs yet
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                (await Connection.open(url)).close()
                break
            except OSError:
                await asyncio.sleep(0.05)
        await flood(url, "Echo", [body] * 1000, connections)
        return count / (await flood(url, "Echo", [body] * count, connections)).seconds
    finally:
        process.kill()
        process.wait()


async def measure(place: Place) -> Sequence[Sample]:
    rate = await echoes(free_port(), CONNECTIONS, b"x" * 100, place.count(20_000))
    return (
        Sample("writes of 4 KiB that reach the disk", fsyncs(place.folder), "/s"),
        Sample("SQLite, durable rows, 1 a commit", commits(place.folder, 1), "/s"),
        Sample("SQLite, durable rows, 100 a commit", commits(place.folder, 100), "/s"),
        Sample(f"uvicorn that echoes, {CONNECTIONS} connections", rate, "/s"),
    )
