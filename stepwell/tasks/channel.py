"""The worker's end of the socket to the server, and all that a handler writes, sent over it.

Rules that must stay true here:
- Output goes out as it is written, before the answer of the call that wrote it: nothing is lost when the process dies.
- What is written on behalf of a call carries its request id, in threads and in concurrent coroutines alike.
"""

from __future__ import annotations

import io
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, BinaryIO, cast

from stepwell.tasks.frames import Head, Unpacker, pack

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_CHUNK = 64 * 1024


class Channel:
    """Sends frames from any thread and receives them in the main thread.

    `request_id` is the call that the context runs for; a plain handler also sets `sole_request`, so that the threads
    which it starts write in its name.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
        self.sole_request: str | None = None
        self._unpacker = Unpacker()
        self._sending = threading.Lock()

    def send(self, head: Head, body: bytes = b"") -> None:
        frame = pack(head, body)
        with self._sending:
            self.connection.sendall(frame)

    def frames(self) -> Iterator[tuple[Head, bytes]]:
        """All frames, one after the other, waiting for each."""
        while True:
            yield from self.receive()

    def receive(self, flags: int = 0) -> list[tuple[Head, bytes]]:
        """The frames of one read. Ends the process where the server is gone."""
        data = self.connection.recv(256 * 1024, flags)
        if not data:
            os._exit(0)
        return self._unpacker.feed(data)

    def current_request(self) -> str | None:
        return self.request_id.get() or self.sole_request

    def log(self, stream: int, data: bytes) -> None:
        request_id = self.current_request()
        for start in range(0, len(data), _CHUNK):
            self.send({"log": request_id, "stream": stream}, data[start : start + _CHUNK])


class _Output(io.RawIOBase):
    """Stands for standard output or standard error; `fileno` is the real one, which the server reads too."""

    def __init__(self, channel: Channel, stream: int) -> None:
        self._channel = channel
        self._stream = stream

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream

    def isatty(self) -> bool:
        return False

    def write(self, data: ReadableBuffer, /) -> int:
        taken = bytes(data)
        self._channel.log(self._stream, taken)
        return len(taken)


class _RequestFilter(logging.Filter):
    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel

    def filter(self, record: logging.LogRecord) -> bool:
        record.aws_request_id = self._channel.current_request() or ""
        return True


def capture_output(channel: Channel) -> None:
    """Send all that Python code prints or logs over the channel, in the format of AWS Lambda's Python runtime."""
    for stream, name in ((1, "stdout"), (2, "stderr")):
        text = io.TextIOWrapper(
            cast(BinaryIO, _Output(channel, stream)),  # unbuffered, as `python -u` does it
            encoding="utf-8",
            errors="backslashreplace",
            write_through=True,
        )
        setattr(sys, name, text)
    handler = logging.StreamHandler(sys.stdout)
    formatter = logging.Formatter(
        "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    handler.addFilter(_RequestFilter(channel))
    logging.getLogger().addHandler(handler)
