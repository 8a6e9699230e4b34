"""A peer's server as a process: started, waited for, killed.

Rules that must stay true here:
- It has a group of its own: a kill reaches all that it has started, and comes without a warning.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.client import Connection
from benchmarks.peers.peer import Unavailable

PATIENCE = 90  # seconds that a server may take until it listens


@dataclass(frozen=True)
class Running:
    """A server that listens."""

    process: subprocess.Popen[bytes]
    log: Path

    def kill(self) -> None:
        """SIGKILL, to it and to all that it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


async def started(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], port: int, log: str = "server.log"
) -> Running:
    """Start a server and wait until its port takes connections. Raises Unavailable, with the end of what it said."""
    file = folder / log
    with file.open("ab") as output:
        process = subprocess.Popen(  # noqa: ASYNC220  # it takes no time
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    server = Running(process, file)
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            (await Connection.open(f"http://127.0.0.1:{port}")).close()
        except OSError:
            await asyncio.sleep(0.02)
        else:
            return server
    server.kill()
    said = file.read_text(errors="replace").strip().splitlines()
    raise Unavailable(f"it does not start: {said[-1][:300] if said else 'it says nothing'}")
