"""An app's processes: how its server and what stands in for the outside start, and how they end.

Rules that must stay true here:
- A process that is started here ends here, whatever happens between.
- What the user's shell says of other servers and accounts (a token, an endpoint, a profile) reaches none of them.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_OTHERS: Final = ("STEPWELL_", "AWS_")


class DemoFailed(Exception):
    """A demo cannot go on; the message says why."""


class NotStarted(DemoFailed):
    """A process does not listen; the message says why."""


def server_command(app: str, port: int, store: Path) -> list[str]:
    """What serves an app, as words behind `python -m`."""
    return ["stepwell", "serve", app, "--port", str(port), "--store", str(store)]


@contextmanager
def running(module: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `python -m module …` with its output in a log file; it is ended, or killed after 15 seconds, at the end."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)}
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603  # our own modules, by this interpreter
            [sys.executable, "-m", *module],
            env={**inherited, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for whoever started it, who then ends it below
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_listening(process: subprocess.Popen[bytes], port: int, log: Path, seconds: float = 90) -> None:
    """Wait until a process takes connections. Raises NotStarted, with the end of its log, when it does not."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise NotStarted(f"{log.stem} does not listen on {port}. Its log {log} ends with:\n{log.read_text()[-2000:]}")


def free_port(wanted: int = 0) -> int:
    """The wanted port when nobody listens there, else any free one, which nobody else is given for a minute.

    A port on which a connection has just ended rests for a minute: the system gives it to nobody who asks for any free
    one, but whoever names it may listen on it.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
            probe.listen()
        except OSError:
            return free_port()
        port: int = probe.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=30):
            probe.accept()[0].close()  # the side that closes first is the one whose port rests
        return port
