"""What a server takes of its machine: memory, processor, and disk for its store."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """Bytes of memory that a process holds. Raises ProcessLookupError."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(pid)


def busy(pid: int) -> float:
    """Seconds of a processor that a process has used, in steps of a hundredth. Raises ProcessLookupError."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        raise ProcessLookupError(pid) from None
    return (int(fields[11]) + int(fields[12])) / _TICK


async def idle_share(pid: int, seconds: float) -> float:
    """Percent of a core that a process uses while nobody asks anything of it."""
    began, before = time.perf_counter(), busy(pid)
    await asyncio.sleep(seconds)
    return 100 * (busy(pid) - before) / (time.perf_counter() - began)


def stored(folder: Path) -> int:
    """Bytes of the store's files."""
    return sum(file.stat().st_size for file in folder.glob("stepwell.db*"))
