"""What the command line costs before it does anything, and how soon a server answers."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from apps.processes import free_port
from benchmarks import machines
from benchmarks.client import Connection
from benchmarks.figure import Sample, at_most
from benchmarks.workloads.workload import Place

STEPWELL = str(Path(sys.executable).parent / "stepwell")


async def measure(place: Place) -> Sequence[Sample]:
    (place.folder / "hello.asl.json").write_text(json.dumps(machines.chain(1)))
    times = place.count(5)
    return (
        Sample("stepwell --help", _run(place.folder, ["--help"], times), "ms", at_most(100)),
        Sample("stepwell run hello.asl.json", _run(place.folder, ["run", "hello.asl.json"], times), "ms", at_most(300)),
        Sample("stepwell serve, to its first answer", await _serve(place.folder), "ms", at_most(700)),
    )


def _run(folder: Path, arguments: Sequence[str], times: int) -> float:
    """Milliseconds that a command takes, the middle of several times. Raises CalledProcessError."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run([STEPWELL, *arguments], cwd=folder, check=True, capture_output=True, timeout=30)
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000


async def _serve(folder: Path) -> float:
    """Milliseconds from the start of a server on a fresh store to its first answer to an operation."""
    port = free_port()
    command = [STEPWELL, "serve", "--port", str(port), "--store", str(folder / "fresh.db")]
    with (folder / "serve.log").open("wb") as log:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)  # noqa: ASYNC220
    try:
        while True:
            try:
                connection = await Connection.open(f"http://127.0.0.1:{port}")
            except OSError:
                if process.poll() is not None:
                    raise
                await asyncio.sleep(0.002)
                continue
            await connection.ask("ListStateMachines")
            connection.close()
            return (time.perf_counter() - began) * 1000
    finally:
        process.kill()
        process.wait()
