"""One worker process as the server sees it: its start, its socket, its output, its end.

Rules that must stay true here:
- A fresh interpreter, never a fork of the server: no descriptor, lock or thread of the server is carried over.
- The process is started by the thread that runs the event loop, which must live on: the kernel ends the process with
  the thread that started it.
- The end is told once, after all that the process wrote has been read.
- A process ends with its whole group, so that what a handler has started ends too.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, cast

from stepwell.tasks.frames import FrameError, Head, Unpacker, pack
from stepwell.tasks.function import Function

_LAST_WORDS = 0.25  # seconds that pipes are read on after the process has ended, where something else holds them open
_POLL = 0.005  # seconds between two looks where the kernel cannot tell the end of a process


class Owner(Protocol):
    """Who is told what a process does."""

    def received(self, process: WorkerProcess, head: Head, body: bytes) -> None: ...

    def printed(self, process: WorkerProcess, data: bytes) -> None:
        """Output that did not come from Python's own streams."""
        ...

    def ended(self, process: WorkerProcess, status: int) -> None:
        """The process is gone; `status` is its exit status, or a signal's number made negative."""
        ...


class WorkerProcess(asyncio.Protocol):
    """Started with `start`, ended with `kill`."""

    def __init__(self, function: Function, owner: Owner) -> None:
        self._function = function
        self._owner = owner
        self._unpacker = Unpacker()
        self._transport: asyncio.Transport | None = None
        self._output: asyncio.BaseTransport | None = None
        self._popen: subprocess.Popen[bytes] | None = None
        self._open = 0
        self._pidfd: int | None = None
        self._status: int | None = None
        self._told = False

    @property
    def pid(self) -> int | None:
        return None if self._popen is None else self._popen.pid

    async def start(self, environment: Mapping[str, str]) -> None:
        """Raises OSError where the machine has no room for a process."""
        loop = asyncio.get_running_loop()
        with contextlib.ExitStack() as cleanup:
            ours, theirs = socket.socketpair()
            cleanup.callback(theirs.close)
            on_error = cleanup.enter_context(contextlib.ExitStack())
            on_error.callback(ours.close)
            read_end, write_end = os.pipe()
            cleanup.callback(os.close, write_end)
            output = os.fdopen(read_end, "rb", 0)
            on_error.callback(output.close)
            self._popen = subprocess.Popen(  # noqa: ASYNC220, S603  # the wait is for exec alone; arguments are our own
                [
                    sys.executable,
                    "-X",
                    "faulthandler",
                    "-m",
                    "stepwell.tasks.worker",
                    str(theirs.fileno()),
                    str(os.getpid()),
                    self._function.name,
                ],
                stdin=subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                pass_fds=(theirs.fileno(),),
                env=_with_stepwell(environment),
                start_new_session=True,
            )
            on_error.pop_all()
        if hasattr(os, "pidfd_open"):
            self._pidfd = os.pidfd_open(self._popen.pid)
            loop.add_reader(self._pidfd, self._exited)
        self._open = 2
        self._output, _ = await loop.connect_read_pipe(lambda: _RawOutput(self, self._owner), output)
        ours.setblocking(False)
        await loop.create_unix_connection(lambda: self, sock=ours)
        function = self._function
        self.send(
            {"setup": {"handler": function.handler, "path": list(function.path), "timeout": function.timeout}},
        )

    def send(self, head: Head, body: bytes = b"") -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(pack(head, body))

    def kill(self) -> None:
        """End the process and what it has started; `ended` tells when it is gone."""
        if self._popen is not None and self._status is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._popen.pid, signal.SIGKILL)

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            for head, body in self._unpacker.feed(data):
                self._owner.received(self, head, body)
        except FrameError:
            self.kill()

    def connection_lost(self, exc: Exception | None) -> None:
        self.kill()  # without its socket a process can do nothing; one that is ending already is not disturbed
        if self._pidfd is None:
            self._look()
        self.closed()

    def closed(self) -> None:
        """One of the two pipes has been read to its end."""
        self._open -= 1
        self._tell_end()

    def _look(self) -> None:
        if self._popen is not None and self._popen.poll() is None:
            asyncio.get_running_loop().call_later(_POLL, self._look)
        else:
            self._exited()

    def _exited(self) -> None:
        assert self._popen is not None
        loop = asyncio.get_running_loop()
        self.kill()  # the group's name is still ours: its leader has not been waited for
        self._status = self._popen.wait()
        if self._pidfd is not None:
            loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None
        self._tell_end()
        if not self._told:
            loop.call_later(_LAST_WORDS, self._stop_reading)

    def _stop_reading(self) -> None:
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
