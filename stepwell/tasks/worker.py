"""The process that a function's handler runs in: `python -m stepwell.tasks.worker DESCRIPTOR PARENT NAME`.

Rules that must stay true here:
- The process ends with the server, whatever ended the server and whatever the handler is doing.
- A handler that cannot be loaded answers the next call with the reason and ends the process, so that a mended module is
  found by the call after it.
- A plain handler has the process for itself; an `async` one shares it with its own concurrent calls only.
- What a plain handler does not need is not imported: a cold start is felt.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from typing import TypedDict, cast

from stepwell.tasks.channel import Channel, capture_output
from stepwell.tasks.frames import Head
from stepwell.tasks.handler import Handler, is_asynchronous, load, marshal
from stepwell.tasks.worker_call import Call, context, fail, leave

_PR_SET_PDEATHSIG = 1
TRACE_VARIABLES = ("TRACEPARENT", "TRACESTATE", "_X_AMZN_TRACE_ID")


class _Setup(TypedDict):
    handler: str
    path: list[str]
    timeout: float


def main() -> None:
    descriptor, parent = int(sys.argv[1]), int(sys.argv[2])
    del sys.argv[1:]
    _end_with(parent, descriptor)
    os.set_inheritable(descriptor, False)
    channel = Channel(socket.socket(fileno=descriptor))
    capture_output(channel)
    frames = channel.frames()
    setup = cast(_Setup, next(frames)[0]["setup"])
    try:
        handler = load(setup["handler"], setup["path"])
    except SystemExit as leaving:
        leave(leaving)
    except BaseException as error:
        channel.send({"ready": True, "asynchronous": False})
        call = cast(Call, next(frames)[0])
        channel.sole_request = call["request_id"]
        fail(channel, call, error, last=True)
        os._exit(0)
    asynchronous = is_asynchronous(handler)
    channel.send({"ready": True, "asynchronous": asynchronous})
    if asynchronous:
        import asyncio

        from stepwell.tasks.worker_async import serve_concurrently

        asyncio.run(serve_concurrently(channel, handler, setup["timeout"]))
    else:
        _serve(channel, frames, handler, setup["timeout"])


def _end_with(parent: int, descriptor: int) -> None:
    """Tie this process to its parent: by the kernel where it can (a handler stuck in C), by the socket everywhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the kernel was told
        os._exit(0)

    def watch() -> None:
        hang_up = select.poll()
        hang_up.register(descriptor, 0)  # no events asked for: what is reported is the hang-up alone
        while not hang_up.poll():
            pass
        os._exit(0)

    threading.Thread(target=watch, name="stepwell-parent", daemon=True).start()


def _serve(channel: Channel, frames: Iterator[tuple[Head, bytes]], handler: Handler, timeout: float) -> None:
    """One call after the other."""
    traced = False
    for head, event in frames:
        call = cast(Call, head)
        channel.sole_request = call["request_id"]
        if call.get("trace") is not None or traced:
            traced = _set_trace(call.get("trace") or {})
        try:
            payload = marshal(handler(json.loads(event), context(channel, call, timeout)))
        except SystemExit as leaving:
            leave(leaving)
        except BaseException as error:
            fail(channel, call, error)
        else:
            channel.send({"done": call["call"]}, payload)


def _set_trace(variables: dict[str, str]) -> bool:
    """Let the handler find its call's trace where tracing libraries look for it; whether there is one."""
    for name in TRACE_VARIABLES:
        os.environ.pop(name, None)
    os.environ.update(variables)
    return bool(variables)


if __name__ == "__main__":
    main()
