"""A log that nobody reads holds up nothing: standard error is a pipe, it is full, and the server goes on and ends."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.patience import PATIENCE

PIPE = 4_096  # bytes: the least that a pipe holds
CALLS = 200  # each is logged in more than fifty bytes


@contextmanager
def unread_server(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes], int]]:
    """A server that logs all it can into a pipe; gives its URL, its process and the end of the pipe to read from."""
    reads, writes = os.pipe()
    fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, PIPE)
    command = [sys.executable, "-m", "stepwell", "serve", "--port", "0", "--store", str(folder / "stepwell.db")]
    environment = {**os.environ, "STEPWELL_LOG_LEVEL": "debug", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=writes, env=environment)
    os.close(writes)
    watch = threading.Timer(60, process.kill)
    watch.start()
    try:
        assert process.stdout is not None
        said = process.stdout.readline().decode()
        found = re.search(r"http://\S+", said)
        assert found, said
        yield found[0], process, reads
    finally:
        watch.cancel()
        process.kill()
        process.wait(PATIENCE)
        process.stdout.close()
        os.close(reads)


def babble(url: str) -> None:
    """A request that is none: a line in the log."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
        connection.sendall(b"no request\r\n\r\n")
        assert connection.recv(64).startswith(b"HTTP/1.1 400")


def test_a_server_whose_log_nobody_reads_answers_and_ends(tmp_path: Path) -> None:
    with unread_server(tmp_path) as (url, process, reads):
        for _ in range(CALLS):
            babble(url)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        held = os.read(reads, 10 * PIPE)
        assert len(held) > PIPE // 2, "the pipe was never full: nothing was proven"
