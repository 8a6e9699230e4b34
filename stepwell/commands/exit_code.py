"""What a command's exit code says, and how a command ends early.

Rules that must stay true here:
- A code means the same for every command; docs/command-line.md lists them.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What became of a command, or of the execution that it waited for."""

    DONE = 0  # also: the execution SUCCEEDED
    FAILED = 1  # also: the execution FAILED, a definition is not valid, the server refused
    WRONG_USE = 2  # options, settings, an app or a file that cannot be used
    TIMED_OUT = 3  # the execution TIMED_OUT
    ABORTED = 4  # the execution was ABORTED
    UNREACHABLE = 5  # no server answers
    STILL_RUNNING = 6  # the time to wait is over, and the execution goes on
    INTERRUPTED = 130  # Ctrl-C


class CommandFailed(Exception):
    """A command cannot go on; the message is one line for the user."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.code = code


_BY_STATUS = {
    "SUCCEEDED": ExitCode.DONE,
    "FAILED": ExitCode.FAILED,
    "TIMED_OUT": ExitCode.TIMED_OUT,
    "ABORTED": ExitCode.ABORTED,
}


def of_status(status: str) -> ExitCode:
    """The exit code for an execution that ended with a status."""
    return _BY_STATUS.get(status, ExitCode.FAILED)
