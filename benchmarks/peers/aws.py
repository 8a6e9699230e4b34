"""Peers that speak the API of AWS Step Functions, and Stepwell itself: the same requests by the same client."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from apps.processes import free_port
from benchmarks import machines
from benchmarks.client import Connection, Failed, create
from benchmarks.figure import Sample
from benchmarks.peers import cache, peer
from benchmarks.peers.calls import FUNCTION, SFN, Line, all_of, begin, end, make_function, seconds, status
from benchmarks.peers.peer import BOX, SLEEP, SLEEPERS, Unavailable, sizes
from benchmarks.peers.process import Running, started
from benchmarks.workloads.workload import Place


@dataclass(frozen=True)
class Server:
    url: str
    running: Running


@dataclass(frozen=True)
class AwsPeer:
    """`packages` are installed in an environment of its own; without any it runs in this one. `command` makes the words
    of the command from the interpreter, the port and the folder; `prepare` is sent after the start as (path, JSON);
    `has_function` says that it serves the function of the tasks as it is."""

    name: str
    what: str
    package: str
    packages: Sequence[str]
    command: Callable[[Path, int, Path], Sequence[str]]
    environment: Callable[[int, Path], Mapping[str, str]] = field(default=lambda port, folder: {})
    prepare: tuple[str, Mapping[str, Any]] | None = None
    has_function: bool = False

    def install(self, cached: Path) -> str:
        return cache.version(self._python(cached), self.package)

    def _python(self, cached: Path) -> Path:
        return cache.python(cached, self.name, self.packages)

    async def measure(self, workload: str, place: Place, cached: Path) -> Sequence[Sample]:
        measures = {
            peer.CHAIN: self._chain,
            peer.SHORT: self._short,
            peer.LATENCY: self._latency,
            peer.POLLS: self._polls,
            peer.TASKS: self._tasks,
        }
        if workload == peer.KILL:
            return await self._kill(place, cached)
        server = await self._serve(place.folder, cached)
        try:
            return await measures[workload](server.url, place)
        finally:
            server.running.kill()

    async def _serve(self, folder: Path, cached: Path, port: int = 0) -> Server:
        """A server that answers. Raises Unavailable."""
        port = port or free_port()
        command = self.command(self._python(cached), port, folder)
        running = await started(command, folder, self.environment(port, folder), port)
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        try:
            while True:
                try:
                    if self.prepare is not None:
                        path, body = self.prepare
                        await (await Connection.open(url)).send("POST", path, json.dumps(body).encode())
                    await Line(url).ask("ListStateMachines")
                    return Server(url, running)
                except (Failed, OSError, EOFError, ValueError) as problem:
                    if time.monotonic() > deadline or running.process.poll() is not None:
                        raise Unavailable(f"it does not answer: {type(problem).__name__} {problem}") from None
                    await asyncio.sleep(0.1)
        except BaseException:
            running.kill()
            raise

    async def _chain(self, url: str, place: Place) -> Sequence[Sample]:
        line = Line(url)
        rate, small = 0.0, True
        for length in sizes(1_000, place):
            arn = await create(url, f"Chain{length}", machines.chain(length), headers=SFN)
            took = [await seconds(line, arn) for _ in range(4)][1:]
            rate = length / statistics.median(took)
            if small and statistics.median(took) * 40 > BOX:
                break
            small = False
        return (Sample(peer.STEPS, rate, "/s", beside=f"{length:,} Pass states"),)

    async def _short(self, url: str, place: Place) -> Sequence[Sample]:
        arn = await create(url, "Short", machines.chain(10), headers=SFN)
        await all_of(url, arn, place.count(20), "{}")
        count = place.count(200)
        rates = []
        for _ in range(3):
            took = await all_of(url, arn, count, "{}")
            rates.append(count / took)
            if took > BOX / 6:
                break
        return (Sample(peer.EXECUTIONS, statistics.median(rates), "/s"),)

    async def _latency(self, url: str, place: Place) -> Sequence[Sample]:
        arn = await create(url, "Pass", machines.chain(1), headers=SFN)
        line = Line(url)
        for _ in range(place.count(10)):
            await seconds(line, arn)
        took = [await seconds(line, arn) for _ in range(place.count(100))]
        return (Sample(peer.MILLISECONDS, statistics.median(took) * 1000, "ms"),)

    async def _polls(self, url: str, place: Place) -> Sequence[Sample]:
        arn = await create(url, "Poll", machines.poll(machines.COUNT, 5), headers=SFN)
        count = place.count(1_000)
        took = await all_of(url, arn, count, '{"checks": 0}')
        return (Sample(peer.LOOPS, took, "s", beside=f"{count:,} at once"),)

    async def _tasks(self, url: str, place: Place) -> Sequence[Sample]:
        length, count = 10, place.count(100)
        task = machines.call(FUNCTION)
        if not self.has_function:
            task = {"Type": "Task", "Resource": await make_function(url)}
        arn = await create(url, "Tasks", machines.chain(length, task), headers=SFN)
        first = await all_of(url, arn, 1, "{}")
        if first * count / 4 > BOX:
            count = max(1, int(BOX / first))
        took = await all_of(url, arn, count, "{}")
        return (Sample(peer.CALLS, count * length / took, "/s", beside=f"{count} executions of {length}"),)

    async def _kill(self, place: Place, cached: Path) -> Sequence[Sample]:
        server = await self._serve(place.folder, cached)
        try:
            quick = await create(server.url, "Quick", machines.chain(1), headers=SFN)
            slow = await create(server.url, "Slow", _sleep(SLEEP), headers=SFN)
            line = Line(server.url)
            ended = await end(line, quick)
            asleep = [await begin(line, slow) for _ in range(SLEEPERS)]
            server.running.kill()
            server = await self._serve(place.folder, cached, int(server.url.rpartition(":")[2]))
            line = Line(server.url)
            known = await status(line, ended) == "SUCCEEDED"
            awake = 0
            deadline = time.monotonic() + 12 * SLEEP
            while awake < SLEEPERS and time.monotonic() < deadline:
                awake = [await status(line, arn) for arn in asleep].count("SUCCEEDED")
                await asyncio.sleep(0.2)
        finally:
            server.running.kill()
        return Sample(peer.KNOWN, float(known), ""), Sample(peer.ENDED, awake, "")


def _sleep(seconds: int) -> dict[str, Any]:
    return {"StartAt": "Sleep", "States": {"Sleep": {"Type": "Wait", "Seconds": seconds, "End": True}}}
