"""One target, tried in this process with many inputs: what the parent process of `make fuzz` starts.

Rules that must stay true here:
- The input under way stands in shared memory before it is tried: whatever becomes of this process, it can be read.
- Growth is measured from a fifth of the inputs on, when caches and modules are there.
"""

from __future__ import annotations

import mmap
import struct
import sys
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from tests.fuzz.target import Fault, Target

_HEAD: Final = struct.Struct("<QI")
LARGEST: Final = 4 * 1024 * 1024
MOST_GROWTH: Final = 64 * 1024 * 1024
"""Bytes by which a process may grow while it tries inputs of a few kilobytes."""


class Slate:
    """Where an input is written down: how many there were, and the one under way. A file that two processes map."""

    def __init__(self, path: Path) -> None:
        if not path.exists() or path.stat().st_size != _HEAD.size + LARGEST:
            path.write_bytes(bytes(_HEAD.size))
            with path.open("r+b") as file:
                file.truncate(_HEAD.size + LARGEST)
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        self._count = 0

    def write(self, data: bytes) -> None:
        self._count += 1
        data = data[:LARGEST]
        self._memory[_HEAD.size : _HEAD.size + len(data)] = data
        _HEAD.pack_into(self._memory, 0, self._count, len(data))

    def read(self) -> tuple[int, bytes]:
        """How many inputs were written, and the last one."""
        count, length = _HEAD.unpack_from(self._memory, 0)
        return count, bytes(self._memory[_HEAD.size : _HEAD.size + length])


@dataclass(frozen=True)
class Trial:
    """What came of it. `fault` is that of the last input, None where all were good."""

    count: int
    seconds: float
    fault: str | None
    growth: int


def try_many(target: Target, seed: int, count: int, seconds: float, slate: Slate) -> Trial:
    """Try inputs until there is a fault, or there were `count`, or `seconds` are over."""
    began, done, fault, resident = time.monotonic(), 0, None, 0
    for data in islice(target.inputs(seed), count):
        slate.write(data)
        try:
            target.try_one(data)
        except Fault as found:
            fault = str(found)
        done += 1
        if fault is not None or (done % 64 == 0 and time.monotonic() - began > seconds):
            break
        if not resident and (done * 5 > count or time.monotonic() - began > seconds / 5):
            resident = resident_bytes()
    growth = resident_bytes() - resident if resident else 0
    if fault is None and growth > MOST_GROWTH:
        fault = f"the process has grown by {growth / 2**20:.0f} MB over {done:,} inputs"
    return Trial(done, time.monotonic() - began, fault, growth)


def try_guided(name: str, count: int, seconds: float, slate: Slate, folder: Path) -> None:
    """Let atheris choose the inputs, by the lines that they reach. Ends the process."""
    import atheris  # in no group of dependencies: whoever wants to be guided installs it

    with atheris.instrument_imports(include=["stepwell"]):
        from tests.fuzz.targets import TARGETS
    target = next(target for target in TARGETS if target.name == name)
    seeds = folder / "seeds"
    seeds.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate((*target.seeds, *target.corpus())):
        (seeds / str(number)).write_bytes(data)
    words = folder / "words"
    quoted = ("".join(rf"\x{byte:02x}" for byte in word) for word in target.words if word)
    words.write_text("".join(f'"{word}"\n' for word in quoted))

    def one(data: bytes) -> None:
        slate.write(data)
        target.try_one(data)

    options = [f"-runs={count}", f"-max_total_time={max(1, round(seconds))}", f"-dict={words}", "-max_len=4096"]
    atheris.Setup([sys.argv[0], *options, "-timeout=30", f"-artifact_prefix={folder}/", str(seeds)], one)
    atheris.Fuzz()


def resident_bytes() -> int:
    """What this process has in memory; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE
    except OSError:
        return 0
