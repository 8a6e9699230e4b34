"""Restate: its server, and a service in Python that it calls; asked over its HTTP ingress."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from apps.processes import free_port
from benchmarks.client import Connection
from benchmarks.figure import Sample
from benchmarks.peers import cache, peer
from benchmarks.peers.peer import BOX, SLEEP, SLEEPERS, Unavailable
from benchmarks.peers.process import started
from benchmarks.peers.runner import TASKS, samples
from benchmarks.workloads.workload import Place

PROGRAM = Path(__file__).parent / "programs" / "restate_service.py"
SERVER = "@restatedev/restate-server"


@dataclass(frozen=True)
class Ports:
    service: int
    admin: int
    ingress: int
    node: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ingress}"


@dataclass(frozen=True)
class Restate:
    name: str = "Restate"
    what: str = "a server and a service in Python, its own log on disk"

    def install(self, cached: Path) -> str:
        self._python(cached)
        return cache.node_version(self._folder(cached), SERVER)

    def _python(self, cached: Path) -> Path:
        return cache.python(cached, "restate-sdk", ("restate-sdk", "hypercorn"))

    def _folder(self, cached: Path) -> Path:
        return cache.node(cached, "restate-server", (SERVER,))

    async def measure(self, workload: str, place: Place, cached: Path) -> Sequence[Sample]:
        ports = Ports(*(free_port() for _ in range(4)))
        if workload == peer.KILL:
            return await self._kill(place, cached, ports)
        async with self._serving(place.folder, cached, ports):

            async def run(name: str, count: int) -> float:
                return await _run(ports.url, name, count)

            await _call(ports.url, "chain", 1)
            return await samples(run, workload, place)

    @asynccontextmanager
    async def _serving(self, folder: Path, cached: Path, ports: Ports) -> AsyncIterator[None]:
        """The service and the server on a folder; killed at the end. Raises Unavailable."""
        service = await started(
            [str(self._python(cached)), str(PROGRAM), str(ports.service)], folder, {}, ports.service, "service.log"
        )
        try:
            binary = self._folder(cached) / "node_modules" / ".bin" / "restate-server"
            node = ["--bind-address", f"127.0.0.1:{ports.node}", "--listen-mode", "tcp", "--no-logo"]
            environment = {
                "RESTATE_ADMIN__BIND_ADDRESS": f"127.0.0.1:{ports.admin}",
                "RESTATE_INGRESS__BIND_ADDRESS": f"127.0.0.1:{ports.ingress}",
            }
            data = ["--base-dir", str(folder / "restate"), "--node-name", "benchmark"]
            server = await started([str(binary), *data, *node], folder, environment, ports.ingress)
            try:
                await _register(ports)
                yield
            finally:
                server.kill()
        finally:
            service.kill()

    async def _kill(self, place: Place, cached: Path, ports: Ports) -> Sequence[Sample]:
        keys = [f"asleep-{number}" for number in range(SLEEPERS)]
        async with self._serving(place.folder, cached, ports):
            await _call(ports.url, "chain", 1, "ended")
            for key in keys:
                await _call(ports.url, "sleep/send", SLEEP, key)
        async with self._serving(place.folder, cached, ports):
            known = await _ended(ports.url, "chain", "ended")
            awake, deadline = 0, time.monotonic() + 12 * SLEEP
            while awake < SLEEPERS and time.monotonic() < deadline:
                awake = [await _ended(ports.url, "sleep", key) for key in keys].count(True)
                await asyncio.sleep(0.2)
        return Sample(peer.KNOWN, float(known), ""), Sample(peer.ENDED, awake, "")


async def _register(ports: Ports) -> None:
    """Tell the server of the service. Raises Unavailable."""
    body = json.dumps({"uri": f"http://127.0.0.1:{ports.service}"}).encode()
    deadline = time.monotonic() + 60
    while True:
        try:
            connection = await Connection.open(f"http://127.0.0.1:{ports.admin}")
            status, answer = await connection.send("POST", "/deployments", body)
            connection.close()
            if status in (200, 201):
                return
            problem = answer.decode(errors="replace")[:300]
        except (OSError, EOFError) as error:
            problem = str(error)
        if time.monotonic() > deadline:
            raise Unavailable(f"it does not take the service: {problem}")
        await asyncio.sleep(0.2)


async def _call(url: str, handler: str, argument: int, key: str = "") -> None:
    """Call the service and wait for its answer. Raises Unavailable."""
    connection = await Connection.open(url, f"idempotency-key: {key}\r\n" if key else "")
    status, answer = await connection.send("POST", f"/benchmark/{handler}", str(argument).encode())
    connection.close()
    if status not in (200, 202):
        raise Unavailable(f"{handler}: {status} {answer.decode(errors='replace')[:200]}")


async def _ended(url: str, handler: str, key: str) -> bool:
    """Whether a call with a key has ended well."""
    connection = await Connection.open(url)
    status, _ = await connection.send("GET", f"/restate/invocation/benchmark/{handler}/{key}/output")
    connection.close()
    return status == 200


async def _run(url: str, workload: str, count: int) -> float:
    if workload == peer.CHAIN:
        return statistics.median([await _all(url, "chain", count, 1) for _ in range(3)])
    if workload == peer.LATENCY:
        return statistics.median([await _all(url, "chain", 1, 1) for _ in range(count)])
    if workload == peer.SHORT:
        return statistics.median([await _all(url, "chain", 10, count) for _ in range(3)])
    if workload == peer.POLLS:
        return await _all(url, "poll", 5, count)
    return await _all(url, "chain", TASKS, count)


async def _all(url: str, handler: str, argument: int, count: int) -> float:
    """Seconds that so many calls at once take, each on a connection of its own. Raises Unavailable."""
    connections = [await Connection.open(url) for _ in range(count)]
    began = time.perf_counter()
    async with asyncio.timeout(BOX):
        path, body = f"/benchmark/{handler}", str(argument).encode()
        answers = await asyncio.gather(*(connection.send("POST", path, body) for connection in connections))
    seconds = time.perf_counter() - began
    for connection in connections:
        connection.close()
    if failed := [answer for status, answer in answers if status != 200]:
        raise Unavailable(f"{len(failed)} of {count} calls fail: {failed[0].decode(errors='replace')[:200]}")
    return seconds
