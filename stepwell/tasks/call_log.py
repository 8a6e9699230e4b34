"""The log of one call, framed as AWS Lambda frames it: START, what the call writes, END, REPORT.

Rules that must stay true here:
- What the function has written stands before END, and all of it before the answer.
- A call has one frame, also where it goes on to write after its time.

See the AWS Lambda developer guide, "Viewing CloudWatch logs", for the fields; initialisation is billed with the call.
"""

from __future__ import annotations

import math
import re
import sys
import time
from contextlib import suppress
from pathlib import Path

from stepwell.tasks.invocation import MAX_TAIL, TIMED_OUT, Invocation
from stepwell.tasks.logs import LineCutter

_FRAME = re.compile(r"(START|END|REPORT) RequestId: ")
_LOOK = 0.1  # seconds
_PEAK = re.compile(rb"VmHWM:\s+(\d+) kB")


class CallLog:
    """Begins with the call. `memory` is that of the function in MB; `initialised` is how many seconds the start of its
    process has taken, where this is its first call."""

    def __init__(self, lines: LineCutter, call: Invocation, memory: int, initialised: float | None = None) -> None:
        self._lines = lines
        self._request_id = call.request_id
        self._memory = memory
        self._initialised = initialised
        self._tail: bytearray | None = bytearray() if call.tail else None
        self._began = time.monotonic()
        self._ended = False
        lines.begin(call.request_id, call.execution_arn)
        self._say(f"START RequestId: {call.request_id} Version: {call.version}")

    def write(self, data: bytes) -> None:
        """Take what the call writes."""
        self._lines.write(self._request_id, 1, data)
        self.keep(data)

    def keep(self, data: bytes) -> None:
        """Take what is written already into the end of the log that comes with the answer."""
        if self._tail is not None:
            self._tail += data
            del self._tail[:-MAX_TAIL]

    def end(self, error: str | None, used: int | None = None) -> bytes:
        """Close the frame; the answer is the end of the log where it was asked for. `error` is the answer's, `used` the
        most memory that the process has had, in MB."""
        self._lines.flush(self._request_id)
        if not self._ended:
            self._ended = True
            if self._tail and not self._tail.endswith(b"\n"):
                self.keep(b"\n")
            self._say(f"END RequestId: {self._request_id}")
            self._say(self._report(error, used))
        return bytes(self._tail or b"")

    def _say(self, line: str) -> None:
        """A whole line of Lambda's own."""
        self._lines.tell(self._request_id, line)
        if self._tail is not None:
            self.keep(f"{line}\n".encode())

    def _report(self, error: str | None, used: int | None) -> str:
        duration = (time.monotonic() - self._began) * 1000
        initialised = (self._initialised or 0) * 1000
        report = (
            f"REPORT RequestId: {self._request_id}\tDuration: {duration:.2f} ms\t"
            f"Billed Duration: {math.ceil(duration + initialised)} ms\tMemory Size: {self._memory} MB\t"
        )
        if used is not None:
            report += f"Max Memory Used: {used} MB\t"
        if self._initialised is not None:
            report += f"Init Duration: {initialised:.2f} ms\t"
        if error == TIMED_OUT:
            report += "Status: timeout\t"
        elif error is not None:
            report += f"Status: error\tError Type: {error}\t"
        return report


def unframed(log: bytes) -> bytes:
    """What another Lambda has logged, without its frame: the call has its own here."""
    return b"".join(line for line in log.splitlines(keepends=True) if not is_frame(line[:32].decode("latin-1")))


def is_frame(line: str) -> bool:
    """Whether a line is Lambda's own, and not the function's."""
    return _FRAME.match(line) is not None


class PeakMemory:
    """The most memory that a process has had. Looked up no more than ten times a second: a look costs as much as a
    short call."""

    def __init__(self) -> None:
        self._megabytes: int | None = None
        self._looked = -math.inf

    def of(self, pid: int | None) -> int | None:
        """In MB, as it was last known; None where nobody can tell."""
        now = time.monotonic()
        if pid is not None and now - self._looked > _LOOK and sys.platform == "linux":
            self._looked = now
            with suppress(OSError):
                found = _PEAK.search(Path(f"/proc/{pid}/status").read_bytes())
                self._megabytes = math.ceil(int(found[1]) / 1024) if found else self._megabytes
        return self._megabytes
