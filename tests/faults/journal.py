"""What handlers did, written by themselves: one line when a run begins, one when it ends.

Rules that must stay true here:
- A line is one write to a file opened for appending, so that lines of many processes never mix, and a process that is
  killed leaves whole lines only.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VARIABLE = "KILL_TEST_JOURNAL"  # the server keeps its own `STEPWELL_` variables from handlers


@dataclass
class Run:
    """One run of a handler. Times are those of the machine's monotonic clock, which all processes share."""

    key: str
    function: str
    name: str
    began: float
    ended: float | None = None


def write(**line: Any) -> None:
    """Append a line with the present time. Called in handler processes."""
    descriptor = os.open(os.environ[VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, json.dumps({**line, "at": time.monotonic()}).encode() + b"\n")
    finally:
        os.close(descriptor)


def read(path: Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """The lines from an offset on, and the offset behind them."""
    if not path.exists():
        return [], offset
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    return [json.loads(line) for line in whole.splitlines()], offset + len(whole)


def runs(path: Path) -> dict[str, list[Run]]:
    """All runs by idempotency key, in the order in which they began."""
    found: dict[str, Run] = {}
    for line in read(path)[0]:
        if line["what"] == "began":
            found[line["run"]] = Run(line["key"], line["function"], line["run"], line["at"])
        else:
            found[line["run"]].ended = line["at"]
    by_key: dict[str, list[Run]] = {}
    for run in sorted(found.values(), key=lambda run: run.began):
        by_key.setdefault(run.key, []).append(run)
    return by_key
