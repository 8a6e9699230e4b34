"""The frames that the server and a handler's process exchange over their socket.

Rules that must stay true here:
- A frame is a small head (a JSON object) and a body of raw bytes; payloads travel in bodies and are never escaped.
- Both ends import this file: it knows neither asyncio nor processes.

Server to worker: `{"setup": {…}}` once; `{"call": n, …}` with the event as body; `{"cancel": n}`.
Worker to server: `{"ready": true, "asynchronous": bool}` once; `{"done": n, "error": name or null, "last": bool}` with
the payload as body; `{"log": request id or null, "stream": 1 or 2}` with output as body;
`{"progress": n, "fraction": f}` with a message as body.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TypeAlias

import orjson

from stepwell.language.values import Json

Head: TypeAlias = Mapping[str, Json]

_LENGTHS = struct.Struct("!II")
_LARGEST = 32 * 1024 * 1024  # events and results stay below 6 MiB; more means that the stream is out of step


class FrameError(Exception):
    """What came over the socket is not a frame."""


def pack(head: Head, body: bytes = b"") -> bytes:
    """The bytes of one frame."""
    text = orjson.dumps(head)
    return b"".join((_LENGTHS.pack(len(text), len(body)), text, body))


def number_in(head: Head, name: str) -> int:
    """A whole number of a head. Raises FrameError."""
    value = head.get(name)
    if type(value) is not int:
        raise FrameError(f"{name} is no whole number")
    return value


def text_in(head: Head, name: str) -> str | None:
    """A text of a head, or None. Raises FrameError."""
    value = head.get(name)
    if value is not None and not isinstance(value, str):
        raise FrameError(f"{name} is no text")
    return value


def text_of(body: bytes) -> str:
    """A body that is text. Raises FrameError."""
    try:
        return body.decode()
    except UnicodeDecodeError as fault:
        raise FrameError(str(fault)) from fault


class Unpacker:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[Head, bytes]]:
        """The frames that are complete with `data`. Raises FrameError."""
        buffer = self._buffer
        buffer += data
        frames: list[tuple[Head, bytes]] = []
        start = 0
        while len(buffer) - start >= _LENGTHS.size:
            head_length, body_length = _LENGTHS.unpack_from(buffer, start)
            if head_length > _LARGEST or body_length > _LARGEST:
                raise FrameError(f"a frame of {head_length} and {body_length} bytes")
            head_start = start + _LENGTHS.size
            body_start = head_start + head_length
            end = body_start + body_length
            if len(buffer) < end:
                break
            try:
                head = orjson.loads(buffer[head_start:body_start])
            except orjson.JSONDecodeError as fault:
                raise FrameError(str(fault)) from fault
            if not isinstance(head, dict):
                raise FrameError("a head that is no object")
            frames.append((head, bytes(buffer[body_start:end])))
            start = end
        del buffer[:start]
        return frames
