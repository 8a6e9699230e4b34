"""What handlers did, written by themselves: one line when a run begins, one when it ends.

Rules that must stay true here:
- A line is one write to a file opened for appending: lines of many processes never mix.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

VARIABLE = "WORKER_TEST_JOURNAL"


def write(**line: Any) -> None:
    """Append a line with the present time and the worker's name. Called in handler processes."""
    descriptor = os.open(os.environ[VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        text = json.dumps({**line, "worker": os.environ["WORKER"], "at": time.monotonic()})
        os.write(descriptor, text.encode() + b"\n")
    finally:
        os.close(descriptor)


def read(path: Path) -> list[dict[str, Any]]:
    """The whole lines so far."""
    data = path.read_bytes() if path.exists() else b""
    return [json.loads(line) for line in data[: data.rfind(b"\n") + 1].splitlines()]


def most_at_once(lines: list[dict[str, Any]]) -> int:
    """How many runs there were at once, at most."""
    now = most = 0
    for line in sorted(lines, key=lambda line: line["at"]):
        now += 1 if line["what"] == "began" else -1
        most = max(most, now)
    return most
