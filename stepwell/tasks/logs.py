"""What functions write: lines, whose they are, and where they go.

Rules that must stay true here:
- A line is told once, whole, with the request that wrote it where that is known.
- Memory is bounded, whatever a handler prints.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

_LONGEST = 256 * 1024  # bytes of a line, as CloudWatch Logs takes them; a longer one is cut into several
_log = logging.getLogger("stepwell.functions")


@dataclass(frozen=True, slots=True)
class FunctionLogLine:
    """One line of a function's output.

    `time` is in milliseconds since 1970; `request_id` is None for what no call wrote (an import, a stray thread of an
    `async` handler, another program's output).
    """

    function: str
    request_id: str | None
    time: int
    message: str


OnLog: TypeAlias = Callable[[FunctionLogLine], None]


class LogRing:
    """Keeps each function's last lines, within both limits, and hands every line to Python's logging at INFO."""

    def __init__(self, lines: int = 10_000, characters: int = 4 * 1024 * 1024) -> None:
        self._most_lines = lines
        self._most_characters = characters
        self._rings: dict[str, deque[FunctionLogLine]] = {}
        self._characters: Counter[str] = Counter()

    def __call__(self, line: FunctionLogLine) -> None:
        ring = self._rings.setdefault(line.function, deque())
        ring.append(line)
        self._characters[line.function] += len(line.message)
        while len(ring) > self._most_lines or self._characters[line.function] > self._most_characters:
            self._characters[line.function] -= len(ring.popleft().message)
        _log.info("%s %s %s", line.function, line.request_id or "-", line.message)

    def lines(self, function: str) -> tuple[FunctionLogLine, ...]:
        """The last lines of a function, oldest first."""
        return tuple(self._rings.get(function, ()))


class LineCutter:
    """Cuts the output of one process into lines, each stream of each request by itself."""

    def __init__(self, function: str, on_log: OnLog) -> None:
        self._function = function
        self._on_log = on_log
        self._begun: dict[tuple[str | None, int], bytes] = {}

    def write(self, request_id: str | None, stream: int, data: bytes) -> None:
        """Take output; the lines that it completes are told."""
        key = (request_id, stream)
        *lines, rest = (self._begun.pop(key, b"") + data).split(b"\n")
        for line in lines:
            self._tell(request_id, line)
        while len(rest) > _LONGEST:
            self._tell(request_id, rest[:_LONGEST])
            rest = rest[_LONGEST:]
        if rest:
            self._begun[key] = rest

    def flush(self, request_id: str | None) -> None:
        """Tell the lines that a request has begun and not ended: it will write no more."""
        for key in [key for key in self._begun if key[0] == request_id]:
            self._tell(request_id, self._begun.pop(key))

    def close(self) -> None:
        """Tell all that is left: the process has ended."""
        for request_id, stream in list(self._begun):
            self._tell(request_id, self._begun.pop((request_id, stream)))

    def _tell(self, request_id: str | None, line: bytes) -> None:
        message = line.decode("utf-8", "replace").rstrip("\r")
        self._on_log(FunctionLogLine(self._function, request_id, time.time_ns() // 1_000_000, message))
