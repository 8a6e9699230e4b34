"""Where the program's own log goes: standard error, a line a message.

Rules that must stay true here:
- Libraries that log what they send and receive are kept from it at every level: secrets are in there.
- A server never waits for whoever reads its log: a pipe that nobody empties costs lines, and nothing else.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
from collections.abc import Callable
from threading import Thread
from typing import Final

_TALKATIVE: Final = {"boto3": "INFO", "botocore": "INFO", "urllib3": "INFO", "httpcore": "INFO", "httpx": "WARNING"}
"""Loggers that tell bodies, headers or addresses below these levels."""


_STANDARD_ERROR: Final = 2  # the descriptor
_HELD: Final = 4_000  # lines


class _StandardError(logging.Handler):
    """Looks standard error up for every message: a progress view on a terminal stands in its place meanwhile."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            print(self.format(record), file=sys.stderr, flush=True)
        except Exception:
            self.handleError(record)


class _Aside(logging.Handler):
    """Writes on a thread of its own, past `sys.stderr`, whose lock a write that hangs would hold at the end."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: queue.Queue[str] = queue.Queue(_HELD)
        self._dropped = 0
        Thread(target=self._write, name="stepwell-log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.tell(self.format(record))
        except Exception:
            self.handleError(record)

    def tell(self, line: str) -> None:
        """Write a line as soon as there is room, or never."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._dropped += 1

    def flush(self) -> None:
        """Wait for the lines that are held, a second at most."""
        with self._lines.all_tasks_done:
            self._lines.all_tasks_done.wait_for(lambda: not self._lines.unfinished_tasks, timeout=1)

    def _write(self) -> None:
        told = 0
        while True:
            line = self._lines.get()
            if (dropped := self._dropped) > told:
                line += f"\nstepwell: nobody read this log; {dropped - told} lines were left out of it"
                told = dropped
            rest = f"{line}\n".encode(errors="backslashreplace")
            try:
                while rest:
                    rest = rest[os.write(_STANDARD_ERROR, rest) :]
            except OSError:  # closed: there is nobody to tell
                pass
            finally:
                self._lines.task_done()


def set_up_logging(level: str) -> None:
    """Log messages of this level and above; `level` is one of those that the settings take."""
    _log_to(_StandardError(), level)


def set_up_server_logging(level: str) -> Callable[[str], None]:
    """The same for a server. What is returned writes a line of any level, also without waiting."""
    aside = _Aside()
    _log_to(aside, level)
    return aside.tell


def _log_to(handler: logging.Handler, level: str) -> None:
    message = "%(asctime)s %(levelname)s %(name)s %(message)s"
    logging.basicConfig(level=level.upper(), format=message, handlers=[handler])
    for name, least in _TALKATIVE.items():
        logging.getLogger(name).setLevel(max(logging.getLevelName(level.upper()), logging.getLevelName(least)))
