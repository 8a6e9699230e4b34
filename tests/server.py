"""A Stepwell server as a process of its own, for tests and measurements that need the whole.

Rules that must stay true here:
- A server is started as a user starts it, by the command line, and is reached over its port only.
- What is started here ends here, whatever happens between.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.patience import PATIENCE

_LISTENS = re.compile(rb"listens on (http://\S+)")
_UNDER_WAY = re.compile(rb"stepwell_requests_under_way\{.*\} (\d+)")


class NotServing(Exception):
    """A server does not listen; the message ends with its log."""


@dataclass(frozen=True)
class Server:
    """A server that listens. `log` holds its output, that of earlier servers on the same store before it."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    seconds_to_listen: float

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def under_way(self) -> int:
        """Requests that it has begun and not answered, by its own count."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=PATIENCE) as answer:
            return sum(int(found) for found in _UNDER_WAY.findall(answer.read()))

    def kill(self) -> None:
        """SIGKILL to the server's own process, and to none of those that it started."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)

    def terminate(self) -> int:
        """Stop it as an operator does; the answer is its exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE)


@contextmanager
def serving(
    folder: Path,
    arguments: Sequence[str] = (),
    *,
    port: int = 0,
    environment: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
) -> Iterator[Server]:
    """Serve from a folder, which holds the store and the log; the server is stopped at the end, unless it has ended.

    `arguments` are those of `stepwell serve`. `prefix` stands before the command, for `taskset` and the like.
    """
    server = start(folder, arguments, port=port, environment=environment, prefix=prefix)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.terminate()
            try:
                server.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                server.kill()


def start(
    folder: Path,
    arguments: Sequence[str] = (),
    *,
    port: int = 0,
    environment: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
    seconds: float = PATIENCE,
) -> Server:
    """Start a server and wait until it says that it listens; whoever calls ends it. Raises NotServing."""
    log = folder / "server.log"
    written = log.stat().st_size if log.exists() else 0
    command = [sys.executable, "-m", "stepwell", "serve", *arguments]
    command += ["--port", str(port), "--store", str(folder / "stepwell.db")]
    began = time.perf_counter()
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*prefix, *command],
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    while time.perf_counter() - began < seconds:
        said = log.read_bytes()[written:]
        if found := _LISTENS.search(said):
            return Server(found[1].decode(), process, log, time.perf_counter() - began)
        if process.poll() is not None:
            break
        time.sleep(0.01)
    process.kill()
    process.wait()
    raise NotServing(f"{' '.join(command)} does not listen; its log ends with:\n{log.read_text()[-3000:]}")
