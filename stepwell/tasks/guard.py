"""Sees to it that no process group of the server's outlives it, whatever ends the server.

Rules that must stay true here:
- A group is told before anything else is done with its process, and forgotten only when the whole group has been ended.
- Nothing is started before there is a group to guard, and no group before its guard. A guard that has ended is
  replaced by the next group.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path

_PROGRAM = Path(__file__).with_name("guard_process.py")


class Guard:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._groups: set[int] = set()
        self._process: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        """To be called before a group begins. Raises OSError where the machine has no room for a process."""
        if self._process is None or self._process.poll() is not None:
            self._close()
            self._start()
            self._tell("".join(f"+{known}\n" for known in self._groups))

    def begin(self, group: int) -> None:
        self._groups.add(group)
        self._tell(f"+{group}\n")

    def end(self, group: int) -> None:
        """The group has been killed; its name may be another's soon."""
        self._groups.discard(group)
        self._tell(f"-{group}\n")

    async def stop(self) -> None:
        """Nothing is guarded any more."""
        process = self._process
        if process is not None:
            self._close()
            await asyncio.to_thread(process.wait)

    def _close(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()  # unbuffered: nothing is left to write
        self._process = None

    def _tell(self, text: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it has ended: the next group starts another
                self._process.stdin.write(text.encode())

    def _start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603  # the arguments are our own
            [sys.executable, "-I", "-S", str(_PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
