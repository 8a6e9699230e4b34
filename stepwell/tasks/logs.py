"""What functions write: lines, whose they are, and where they go.

Rules that must stay true here:
- A line is told once, whole, with the request that wrote it where that is known.
- Memory is bounded, whatever a handler prints.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Protocol, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from stepwell.tasks.invocation import LATEST

_LONGEST = 256 * 1024  # bytes of a line, as CloudWatch Logs takes them; a longer one is cut into several
_HELD_BACK = 64 * 1024  # characters: no secret is longer in any form, or it is found by its parts alone
_WITHHELD = "(a line of a function that was to refresh a secret and has not: it may hold one)"
_log = logging.getLogger("stepwell.functions")


class FunctionLogLine(Struct, frozen=True, gc=False):
    """One line of a function's output.

    `time` is in milliseconds since 1970; `request_id` is None for what no call wrote (an import, a stray thread of an
    `async` handler, another program's output), and `execution` where the call belongs to none.
    """

    function: str
    request_id: str | None
    time: int
    message: str
    execution: str | None = None  # the ARN
    stream: str = ""  # which of the function's processes, as Lambda names log streams
    goes_on: bool = False  # whether it was too long, and the next line is the rest of it


OnLog: TypeAlias = Callable[[FunctionLogLine], None]

Keep: TypeAlias = Callable[[int, FunctionLogLine], None]
"""Keeps a line, told with its place, for longer than memory does."""


def new_stream() -> str:
    """A name for the log stream of a process, as AWS Lambda names them."""
    return f"{time.strftime('%Y/%m/%d', time.gmtime())}/[{LATEST}]{uuid.uuid4().hex}"


class Search(Protocol):
    """Keeps secrets out of lines (`stepwell.engine.heard`)."""

    def searches(self, execution_arn: str | None) -> bool: ...

    def sealed(self, execution_arn: str | None, text: str) -> str: ...

    def refresh_of(self, execution_arn: str | None, function: str) -> asyncio.Future[bool] | None: ...


class _Ring:
    """The last lines of one function, with their places."""

    __slots__ = ("characters", "lines")

    def __init__(self) -> None:
        self.lines: deque[tuple[int, FunctionLogLine]] = deque()
        self.characters = 0


class LogRing:
    """Keeps each function's last lines, within both limits, and hands every line to Python's logging at INFO.

    A line's place is a number that rises from line to line, over restarts of the server too: whoever has read up to one
    asks for those behind it. Every line passes here before it goes anywhere, and is searched for secrets first. `keep`
    gets every line as well.
    """

    keep: Keep | None = None
    search: Search | None = None

    def __init__(self, lines: int = 10_000, characters: int = 4 * 1024 * 1024) -> None:
        self._most_lines = lines
        self._most_characters = characters
        self._rings: dict[str, _Ring] = {}
        self._last = 0
        self._waiting: set[asyncio.Future[None]] = set()
        self._held_back: dict[tuple[str, str | None, str], str] = {}  # the ends of lines that go on

    def restore(self, place: int, line: FunctionLogLine) -> None:
        """Take in a line that an earlier server has kept; the oldest first, and all of them before any new one."""
        self._last = max(self._last, place)
        self._add(place, line)

    def __call__(self, line: FunctionLogLine) -> None:
        search = self.search
        if search is not None and search.searches(line.execution):
            refresh = search.refresh_of(line.execution, line.function)
            if refresh is not None:
                refresh.add_done_callback(lambda told: self._after_refresh(line, told.result()))
                return
            line = self._searched(line, search)
        self._keep(line)

    def _after_refresh(self, line: FunctionLogLine, told: bool) -> None:
        """A line that a refresher has written, once its value is known, or where there is none."""
        self(line if told else replace(line, message=_WITHHELD))

    def _searched(self, line: FunctionLogLine, search: Search) -> FunctionLogLine:
        """The line without secrets. Of one that goes on, the end waits for what follows: a secret may be in both."""
        key = (line.function, line.request_id, line.stream)
        text = search.sealed(line.execution, self._held_back.pop(key, "") + line.message)
        if line.goes_on:
            text, self._held_back[key] = text[:-_HELD_BACK], text[-_HELD_BACK:]
        return replace(line, message=text)

    def _keep(self, line: FunctionLogLine) -> None:
        place = time.time_ns()
        if place <= self._last:
            place = self._last + 1
        self._last = place
        self._add(place, line)
        if self.keep is not None:
            self.keep(place, line)
        if self._waiting:
            for news in self._waiting:
                if not news.done():
                    news.set_result(None)
        if _log.isEnabledFor(logging.INFO):
            _log.info("%s %s %s", line.function, line.request_id or "-", line.message)

    def _add(self, place: int, line: FunctionLogLine) -> None:
        ring = self._rings.get(line.function)
        if ring is None:
            ring = self._rings[line.function] = _Ring()
        lines = ring.lines
        lines.append((place, line))
        ring.characters += len(line.message)
        while len(lines) > self._most_lines or ring.characters > self._most_characters:
            ring.characters -= len(lines.popleft()[1].message)

    def lines(self, function: str) -> tuple[FunctionLogLine, ...]:
        """The last lines of a function, oldest first."""
        ring = self._rings.get(function)
        return () if ring is None else tuple(line for _, line in ring.lines)

    def newest(self, function: str | None = None) -> Iterator[tuple[int, FunctionLogLine]]:
        """Places and lines, the newest first: of one function, or of all. To be read before anything is awaited."""
        rings = (ring.lines for name, ring in self._rings.items() if function in (None, name))
        return heapq.merge(*(reversed(lines) for lines in rings), key=itemgetter(0), reverse=True)

    def tail(self, function: str, request_id: str, size: int = 4096) -> bytes:
        """The last lines that a call has written, in `size` bytes at most."""
        found = bytearray()
        for _, line in self.newest(function):
            if line.request_id == request_id:
                found[:0] = line.message.encode("utf-8", "replace") + b"\n"
                if len(found) >= size:
                    break
        return bytes(found[-size:])

    async def wait(self, seconds: float) -> None:
        """Wait for the next line of any function, or until the time is over."""
        news = asyncio.get_running_loop().create_future()
        self._waiting.add(news)
        try:
            await asyncio.wait([news], timeout=seconds)
        finally:
            self._waiting.discard(news)


class LineCutter:
    """Cuts the output of one process into lines, each of its outputs and each request by itself. `stream` is the name
    of its log stream."""

    def __init__(self, function: str, on_log: OnLog, stream: str) -> None:
        self._function = function
        self._stream = stream
        self._on_log = on_log
        self._begun: dict[tuple[str | None, int], bytes] = {}
        self._executions: dict[str | None, str] = {}

    def begin(self, request_id: str, execution: str | None) -> None:
        """A request begins to write; `execution` is the ARN of the one that it belongs to."""
        if execution is not None:
            self._executions[request_id] = execution

    def write(self, request_id: str | None, stream: int, data: bytes) -> None:
        """Take output; the lines that it completes are told."""
        key = (request_id, stream)
        *lines, rest = (self._begun.pop(key, b"") + data).split(b"\n")
        for line in lines:
            self._tell(request_id, line)
        while len(rest) > _LONGEST:
            self._tell(request_id, rest[:_LONGEST], goes_on=True)
            rest = rest[_LONGEST:]
        if rest:
            self._begun[key] = rest

    def flush(self, request_id: str | None) -> None:
        """Tell the lines that a request has begun and not ended."""
        if self._begun:
            for key in [key for key in self._begun if key[0] == request_id]:
                self._tell(request_id, self._begun.pop(key))

    def end(self, request_id: str | None) -> None:
        """A request will write no more."""
        self.flush(request_id)
        self._executions.pop(request_id, None)

    def close(self) -> None:
        """Tell all that is left: the process has ended."""
        for request_id, stream in list(self._begun):
            self._tell(request_id, self._begun.pop((request_id, stream)))

    def _tell(self, request_id: str | None, line: bytes, goes_on: bool = False) -> None:
        self.tell(request_id, line.decode("utf-8", "replace").rstrip("\r"), goes_on)

    def tell(self, request_id: str | None, message: str, goes_on: bool = False) -> None:
        """Tell a line that is whole; one that `goes_on` is the beginning of a longer one."""
        now = time.time_ns() // 1_000_000
        execution = self._executions.get(request_id)
        self._on_log(FunctionLogLine(self._function, request_id, now, message, execution, self._stream, goes_on))
