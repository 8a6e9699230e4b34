"""What a program asks of the system, in order: read from what strace has written.

Rules that must stay true here:
- A call is taken at its end, and what a process says to another at its beginning: so nothing that was said counts as
  earlier than it was, and no file as safe before it is.
- A call that changes a watched folder and that is not understood is an error, never passed over.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.patience import PATIENCE

SPOKEN = ("write", "sendto", "sendmsg", "writev")
_CALLS = (
    "openat,creat,pwrite64,pwritev,ftruncate,truncate,fallocate,fdatasync,fsync,sync_file_range,rename,renameat,renameat2,"
    "unlink,unlinkat,link,linkat,symlink,symlinkat,mkdir,mkdirat,rmdir,sendfile,copy_file_range," + ",".join(SPOKEN)
)
_LINE = re.compile(rb"(?P<pid>\d+) +(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+)")
_BEGUN = re.compile(rb"(?P<pid>\d+) +(?P<name>\w+)\((?P<arguments>.*?) *<unfinished \.\.\.>$")
_RESUMED = re.compile(rb"(?P<pid>\d+) +<\.\.\. (?P<name>\w+) resumed>(?P<rest>.*)$")
_TEXT = re.compile(rb'"((?:\\x[0-9a-f]{2})*)"')
_DESCRIPTOR = re.compile(rb"(?:\d+|AT_FDCWD)<((?:\\x[0-9a-f]{2})*)>")


def can_trace() -> bool:
    """Whether processes can be traced here: containers may forbid it."""
    if sys.platform != "linux" or shutil.which("strace") is None:
        return False
    tried = subprocess.run(
        ["strace", "-qq", "-e", "trace=fsync", "true"], capture_output=True, timeout=PATIENCE, check=False
    )
    return tried.returncode == 0


def strace(log: Path) -> list[str]:
    """What stands before a command so that its calls, and those of its children, are appended to `log`."""
    program = shutil.which("strace")
    assert program is not None
    # -D: the process that is started is the program itself, and signals reach it.
    return [
        program,
        "-D",
        "-f",
        "--seccomp-bpf",
        "-q",
        "-y",
        "-xx",
        "-s",
        "9000000",
        "-A",
        "-o",
        str(log),
        "-e",
        _CALLS,
    ]


def wait_for_end(log: Path, pid: int, seconds: float = PATIENCE) -> None:
    """Wait until all that a program has done is in the log, which is written by a process of its own."""
    end, deadline = re.compile(rb"(?m)^%d +\+\+\+ exited" % pid), time.monotonic() + seconds  # short numbers are padded
    while end.search(log.read_bytes()[-10_000:]) is None:
        assert time.monotonic() < deadline, "strace has not come to the end"
        time.sleep(0.02)


@dataclass(frozen=True, slots=True)
class Call:
    """A call that succeeded. `files` are the paths behind its descriptors, `texts` the strings among its arguments."""

    name: str
    files: tuple[str, ...]
    texts: tuple[bytes, ...]
    rest: bytes
    result: int

    @property
    def numbers(self) -> list[int]:
        """The numbers at the end of its arguments."""
        return [int(part) for part in self.rest.split(b",") if part.strip().lstrip(b"-").isdigit()]


@dataclass(frozen=True, slots=True)
class Said:
    """A process has begun to write to something that is no watched file."""

    text: bytes


def read(log: Path, folder: Path) -> Iterator[Call | Said]:
    """The calls that touch what is in `folder`, and what was said to others."""
    inside = _hex(str(folder).encode())
    begun: dict[bytes, bytes] = {}
    with log.open("rb") as lines:
        for line in lines:
            if found := _RESUMED.match(line):
                start = begun.pop(found["pid"], None)
                if start is None:
                    continue
                whole = found["pid"] + b" " + found["name"] + b"(" + start + found["rest"]
                if inside in whole and (done := _LINE.match(whole)):
                    yield from _call(done)
                continue
            if found := _BEGUN.match(line):
                begun[found["pid"]] = found["arguments"]
                if inside not in line and found["name"].decode() in SPOKEN:
                    yield from _said(found["arguments"])
                continue
            if done := _LINE.match(line):
                if inside in line:
                    yield from _call(done)
                elif done["name"].decode() in SPOKEN:
                    yield from _said(done["arguments"])


def _call(done: re.Match[bytes]) -> Iterator[Call]:
    if int(done["result"]) < 0:
        return
    arguments = done["arguments"]
    yield Call(
        done["name"].decode(),
        tuple(_text(found).decode() for found in _DESCRIPTOR.findall(arguments)),
        tuple(_text(found) for found in _TEXT.findall(arguments)),
        arguments.rpartition(b'"')[2].rpartition(b">")[2],
        int(done["result"]),
    )


def _said(arguments: bytes) -> Iterator[Said]:
    if texts := _TEXT.findall(arguments):
        yield Said(b"".join(_text(text) for text in texts))


def _text(found: bytes) -> bytes:
    return bytes.fromhex(found.replace(b"\\x", b"").decode())


def _hex(text: bytes) -> bytes:
    return b"".join(b"\\x%02x" % byte for byte in text)
