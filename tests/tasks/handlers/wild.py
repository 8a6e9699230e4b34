"""Handlers that write to descriptors which are none of their business."""

import os
import socket
import stat
import struct

import orjson


def channel() -> int:
    """The descriptor of the socket to the server."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                return int(name)
        except OSError:
            continue
    raise LookupError("no socket")


def send(data: bytes) -> None:
    with socket.socket(fileno=os.dup(channel())) as server:
        server.setblocking(True)
        server.sendall(data)


def says(event, context):
    """Sends a frame of its own; `head` is JSON, `body` is text, in Latin-1."""
    head, body = orjson.dumps(event["head"]), event.get("body", "").encode("latin-1")
    send(struct.pack("!II", len(head), len(body)) + head + body)
    return wait()


def garbage(event, context):
    send(os.urandom(100_000))
    return wait()


def wait():
    import time

    time.sleep(3600)
    return "nobody minds"


def echo(event, context):
    return event


def either(event, context):
    """Wild where the event says so."""
    return {"says": says, "garbage": garbage}.get(event.get("do"), echo)(event, context)
