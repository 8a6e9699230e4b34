"""`make profile`: where a server's time goes under load, as py-spy sees it from outside, by room and by module.

Rules that must stay true here:
- A sample belongs to the innermost function of our own on its stack: what a library does for a module is that module's.
- A sample counts where a thread holds the interpreter's lock: what waits, and what SQLite does by itself, leaves the
  interpreter to others.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import uvloop

from benchmarks import machines
from benchmarks.client import Connection, create, flood, one, run, starts
from benchmarks.figure import markdown
from benchmarks.report import Report, machine
from benchmarks.workloads.workload import CONNECTIONS
from tests.server import serving

SECONDS, RATE = 6, 200
_FRAME = re.compile(r"^.* \((?P<file>[^:()]+)(?::\d+)?\)$")


async def _starts(url: str, until: float) -> None:
    await create(url, "Pass", machines.chain(1))
    while time.monotonic() < until:
        await flood(url, "StartExecution", starts("Pass", 2_000), CONNECTIONS)


async def _chain(url: str, until: float) -> None:
    await create(url, "Chain", machines.chain(1_000))
    connection = await Connection.open(url)
    while time.monotonic() < until:
        await one(connection, "Chain", pause=0.002)
    connection.close()


async def _polls(url: str, until: float) -> None:
    await create(url, "Poll", machines.poll(machines.COUNT, 5))
    while time.monotonic() < until:
        await run(url, "Poll", 5_000, CONNECTIONS, '{"checks": 0}')


async def _tasks(url: str, until: float) -> None:
    await create(url, "Tasks", machines.chain(25, machines.call("noop_async")))
    while time.monotonic() < until:
        await run(url, "Tasks", 100, CONNECTIONS)


LOADS: Mapping[str, Callable[[str, float], Awaitable[None]]] = {
    "StartExecution": _starts,
    "chain of 1,000": _chain,
    "5,000 poll loops": _polls,
    "tasks": _tasks,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make profile", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long each load is looked at")
    options = parser.parse_args()
    told = machine()
    found: dict[str, Counter[str]] = {}
    for name, load in LOADS.items():
        print(f"{name} …", file=sys.stderr, flush=True)
        found[name] = uvloop.run(_profiled(load, options.seconds))
    text = f"{told}\n\n{rooms(found, options.seconds)}\n\n{modules(found)}"
    print(text)
    if options.seconds == SECONDS:
        record = {"machine": told, "samples": {name: dict(counts.most_common()) for name, counts in found.items()}}
        print(Report("profile").publish(record, text), file=sys.stderr)
    return 0


async def _profiled(load: Callable[[str, float], Awaitable[None]], seconds: float) -> Counter[str]:
    """How many samples each module has, of a server under a load. Raises RuntimeError where py-spy fails."""
    with tempfile.TemporaryDirectory(prefix="stepwell-profile-") as name:
        folder = Path(name)
        with serving(folder, ["benchmarks.app:app"]) as server:
            under_load = asyncio.create_task(_until(load, server.url, time.monotonic() + seconds + 2))
            await asyncio.sleep(1)
            py_spy = [str(Path(sys.executable).parent / "py-spy"), "record", "--pid", str(server.process.pid)]
            out = ["--format", "raw", "--output", str(folder / "stacks")]
            how = ["--duration", str(round(seconds)), "--rate", str(RATE), "--gil"]
            process = await asyncio.create_subprocess_exec(
                *py_spy, *out, *how, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
            )
            _, said = await process.communicate()
            await under_load
        if process.returncode:
            raise RuntimeError(f"py-spy fails: {said.decode(errors='replace').strip()[-300:]}")
        return by_module((folder / "stacks").read_text(errors="replace").splitlines())


async def _until(load: Callable[[str, float], Awaitable[None]], url: str, until: float) -> None:
    await load(url, until)


def by_module(stacks: Sequence[str]) -> Counter[str]:
    """Samples by module, of lines `frame;frame;… count`, the innermost frame last."""
    counts: Counter[str] = Counter()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        counts[_module(stack.split(";"))] += int(count)
    return counts


def _module(frames: Sequence[str]) -> str:
    """The module of ours that is innermost; else the library that is."""
    files = [found["file"] for frame in reversed(frames) if (found := _FRAME.match(frame)) is not None]
    ours = [file[file.index("stepwell/") :] for file in files if "stepwell/" in file]
    if ours and not ours[0].endswith(("serve.py", "event_loop.py", "__main__.py", "cli.py")):
        return ours[0]
    theirs = [file for file in files if "stepwell/" not in file]
    return "the HTTP server" if any("uvicorn" in file for file in theirs) else "the event loop"


def rooms(found: Mapping[str, Counter[str]], seconds: float) -> str:
    """A table of percents: a row each room, a column each load, the largest first; then how much of the time it is."""
    by_room = {load: _grouped(counts) for load, counts in found.items()}
    total: Counter[str] = Counter()
    for load, counts in by_room.items():
        size = sum(found[load].values()) or 1
        total.update({room: round(1000 * count / size) for room, count in counts.items()})
    rows = []
    for room, _ in total.most_common():
        shares = [100 * by_room[load][room] / (sum(found[load].values()) or 1) for load in found]
        if max(shares) >= 1:
            rows.append((room, *(f"{share:.0f} %" for share in shares)))
    busy = [100 * sum(counts.values()) / (RATE * seconds) for counts in found.values()]
    rows.append(("the interpreter is busy", *(f"{min(share, 100):.0f} %" for share in busy)))
    return markdown(("room", *found), rows, right=range(1, len(found) + 1))


def _grouped(counts: Counter[str]) -> Counter[str]:
    grouped: Counter[str] = Counter()
    for module, count in counts.items():
        parts = module.split("/")
        grouped[f"`{parts[1]}/`" if len(parts) > 2 else module] += count
    return grouped


def modules(found: Mapping[str, Counter[str]], most: int = 6) -> str:
    """The modules that take most of each load, one line a load."""
    lines = []
    for load, counts in found.items():
        size = sum(counts.values()) or 1
        told = [
            f"{module.removeprefix('stepwell/')} {100 * count / size:.0f} %"
            for module, count in counts.most_common(most)
        ]
        lines.append(f"- {load}: {', '.join(told)}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
