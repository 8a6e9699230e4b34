"""One worker process as the server sees it: its start, its socket, its output, its end.

Rules that must stay true here:
- A fresh program, never a fork of the server: no descriptor, lock or thread of the server is carried over.
- The end is told once, after all that the process wrote has been read.
- A turn of the event loop takes a bounded piece of what a process sends, however fast it sends.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import select
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from stepwell.language.values import Json
from stepwell.tasks.child import Child
from stepwell.tasks.frames import FrameError, Head, Unpacker, pack
from stepwell.tasks.guard import Guard
from stepwell.tasks.kinds.start import WorkerStart

_LAST_WORDS = 0.25  # seconds that pipes are read on after the process has ended, where something else holds them open
_PIPE = 64 * 1024  # bytes that a pipe holds, where it cannot be made smaller
_PIECE = 4 * 1024  # bytes that are taken in one turn of the loop: output that does not end keeps nobody waiting
_FRAME = 64  # bytes that a frame counts beside its body


class Owner(Protocol):
    """Who is told what a process does."""

    def received(self, process: WorkerProcess, head: Head, body: bytes) -> None:
        """Raises FrameError; the process is ended then."""
        ...

    def printed(self, process: WorkerProcess, data: bytes) -> None:
        """Output that did not come from Python's own streams."""
        ...

    def ended(self, process: WorkerProcess, status: int) -> None:
        """The process is gone; `status` is its exit status, or a signal's number made negative."""
        ...


class WorkerProcess(asyncio.Protocol):
    """Started with `start`, ended with `kill`."""

    def __init__(self, name: str, how: WorkerStart, timeout: float, guard: Guard, owner: Owner) -> None:
        """`name` is the function's; `timeout` is in seconds, and the worker's to tell its handler."""
        self._name = name
        self._how = how
        self._timeout = timeout
        self._guard = guard
        self._owner = owner
        self._unpacker = Unpacker()
        self._transport: asyncio.Transport | None = None
        self._output: asyncio.BaseTransport | None = None
        self._pipe: BinaryIO | None = None
        self._printed = select.poll()
        self._child: Child | None = None
        self._open = 0
        self._status: int | None = None
        self._told = False
        self._coming: Iterator[tuple[Head, bytes]] = iter(())
        self._behind = False

    @property
    def pid(self) -> int | None:
        return None if self._child is None else self._child.pid

    async def start(self, environment: Mapping[str, str]) -> None:
        """Raises OSError where the machine has no room for a process."""
        loop = asyncio.get_running_loop()
        with contextlib.ExitStack() as cleanup:
            ours, theirs = socket.socketpair()
            cleanup.callback(theirs.close)
            on_error = cleanup.enter_context(contextlib.ExitStack())
            on_error.callback(ours.close)
            read_end, write_end = os.pipe()
            if sys.platform == "linux":
                fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, _PIECE)
            cleanup.callback(os.close, write_end)
            output = os.fdopen(read_end, "rb", 0)
            on_error.callback(output.close)
            self._child = Child(
                [*self._how.arguments, str(theirs.fileno()), str(os.getpid()), self._name],
                folder=self._how.folder,
                environment=_with_stepwell(environment),
                stdin=subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                descriptors=(theirs.fileno(),),
                guard=self._guard,
                ended=self._exited,
            )
            on_error.pop_all()
        self._open = 2
        self._pipe = output
        self._printed.register(output, select.POLLIN)
        self._output, _ = await loop.connect_read_pipe(lambda: _RawOutput(self, self._owner), output)
        ours.setblocking(False)
        await loop.create_unix_connection(lambda: self, sock=ours)
        setup: dict[str, Json] = {
            name: value if isinstance(value, str) else list(value) for name, value in self._how.setup.items()
        }
        self.send({"setup": {**setup, "timeout": self._timeout}})

    def send(self, head: Head, body: bytes = b"") -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(pack(head, body))

    def take_output(self) -> None:
        """Tell what the pipe holds now. It comes beside the socket; what a call wrote must not come after its end."""
        if self._pipe is None or self._pipe.closed or not self._printed.poll(0):
            return
        if data := os.read(self._pipe.fileno(), _PIPE):
            self._owner.printed(self, data)

    def kill(self) -> None:
        """End the process and what it has started; `ended` tells when it is gone."""
        if self._child is not None:
            self._child.kill()

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._coming = chain(self._coming, self._frames(data)) if self._behind else self._frames(data)
        if not self._behind:
            self._take()

    def _frames(self, data: bytes) -> Iterator[tuple[Head, bytes]]:
        """What has come, with output in pieces. Raises FrameError."""
        for start in range(0, len(data), _PIECE):
            for head, body in self._unpacker.feed(data[start : start + _PIECE]):
                if "log" in head and len(body) > _PIECE:
                    yield from ((head, body[at : at + _PIECE]) for at in range(0, len(body), _PIECE))
                else:
                    yield head, body

    def _take(self) -> None:
        """Tell what has come, as much as a turn of the loop may take. The rest waits for the next turns, and as long as
        there is any, nothing more is read: then the handler waits, and nobody else."""
        left = _PIECE
        try:
            for head, body in self._coming:
                self._owner.received(self, head, body)
                left -= len(body) + _FRAME
                if left <= 0:
                    self._fall_behind()
                    return
        except FrameError:
            self.kill()
        if self._behind:
            self._behind = False
            if self._transport is not None and not self._transport.is_closing():
                self._transport.resume_reading()

    def _fall_behind(self) -> None:
        asyncio.get_running_loop().call_soon(self._take)
        if not self._behind:
            self._behind = True
            if self._transport is not None and not self._transport.is_closing():
                self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        while self._behind:
            self._take()
        self.kill()  # without its socket a process can do nothing; one that is ending already is not disturbed
        self.closed()

    def closed(self) -> None:
        """One of the two pipes has been read to its end."""
        self._open -= 1
        self._tell_end()

    def _exited(self, status: int) -> None:
        self._status = status
        self._tell_end()
        if not self._told:
            asyncio.get_running_loop().call_later(_LAST_WORDS, self._stop_reading)

    def _stop_reading(self) -> None:
        if self._behind:
            asyncio.get_running_loop().call_later(_LAST_WORDS, self._stop_reading)
            return
        for transport in (self._transport, self._output):
            if transport is not None:
                transport.close()

    def _tell_end(self) -> None:
        if self._status is not None and self._open == 0 and not self._told:
            self._told = True
            self._owner.ended(self, self._status)


class _RawOutput(asyncio.Protocol):
    """The pipe that standard output and standard error of the process lead to."""

    def __init__(self, process: WorkerProcess, owner: Owner) -> None:
        self._process = process
        self._owner = owner

    def data_received(self, data: bytes) -> None:
        self._owner.printed(self._process, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._process.closed()


def _with_stepwell(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The environment, with this package on the path where it is run from a checkout and not installed."""
    root = str(Path(__file__).parents[2])
    if root in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
        return environment
    inherited = environment.get("PYTHONPATH")
    return {**environment, "PYTHONPATH": f"{root}{os.pathsep}{inherited}" if inherited else root}
