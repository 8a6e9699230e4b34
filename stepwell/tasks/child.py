"""A process that the server starts, in a group of its own, and its end.

Rules that must stay true here:
- The process is started by the thread that runs the event loop, which must live on: the kernel ends a worker with the
  thread that started it.
- It ends with its whole group, so that what it has started ends too; the group is ended while its name is still ours.
- A process that eats up the machine's memory is ended before the server is.
- The end is told once. A server that is killed is outlived by the guard, which ends the group in its stead.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from stepwell.tasks.guard import Guard

_POLL = 0.005  # seconds between two looks where the kernel cannot tell the end of a process


class Child:
    """Started when it is made. `ended` is called with the exit status, or a signal's number made negative."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        folder: Path | None,
        environment: Mapping[str, str],
        stdin: int,
        stdout: int,
        stderr: int,
        descriptors: Sequence[int] = (),
        guard: Guard,
        ended: Callable[[int], None],
    ) -> None:
        """Raises OSError where there is no such program or folder, or no room for a process."""
        self._ended = ended
        self._guard = guard
        self._over = False
        guard.open()
        self._popen = subprocess.Popen(  # noqa: S603  # the wait is for exec alone; no shell reads the arguments
            arguments,
            cwd=folder,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=descriptors,
            env=environment,
            start_new_session=True,
        )
        guard.begin(self._popen.pid)
        _give_up_first(self._popen.pid)
        self._loop = asyncio.get_running_loop()
        self._pidfd: int | None = None
        if hasattr(os, "pidfd_open"):
            self._pidfd = os.pidfd_open(self._popen.pid)
            self._loop.add_reader(self._pidfd, self._exited)
        else:
            self._look()

    @property
    def pid(self) -> int:
        return self._popen.pid

    def kill(self) -> None:
        """End the process and what it has started."""
        if not self._over:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._popen.pid, signal.SIGKILL)

    def _look(self) -> None:
        # WNOWAIT: the process keeps its name until its group has been ended.
        if os.waitid(os.P_PID, self._popen.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            self._loop.call_later(_POLL, self._look)
        else:
            self._exited()

    def _exited(self) -> None:
        self.kill()
        self._over = True
        self._guard.end(self._popen.pid)
        status = self._popen.wait()
        if self._pidfd is not None:
            self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
        self._ended(status)


def _give_up_first(pid: int) -> None:
    """Where the machine's memory is at its end, the kernel ends this process, and not the server. Linux only."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text("500")
