"""The process that a function's handler runs in: `python -m stepwell.tasks.worker DESCRIPTOR PARENT NAME`.

Rules that must stay true here:
- The process ends with the server, whatever ended the server and whatever the handler is doing.
- A handler that cannot be loaded answers the next call with the reason and ends the process, so that a mended module is
  found by the call after it.
- A plain handler has the process for itself; an `async` one shares it with its own concurrent calls only.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Awaitable
from functools import partial
from typing import NoReturn, TypedDict, cast

from stepwell.tasks.channel import Channel, capture_output
from stepwell.tasks.frames import Head
from stepwell.tasks.handler import Handler, is_asynchronous, load, marshal
from stepwell.tasks.lambda_context import LambdaContext
from stepwell.tasks.runtime_errors import error_lines, error_payload

_PR_SET_PDEATHSIG = 1


class _Setup(TypedDict):
    handler: str
    path: list[str]
    timeout: float


class _Call(TypedDict):
    call: int
    request_id: str
    function_arn: str
    idempotency_key: str | None
    client_context: str | None


def main() -> None:
    descriptor, parent = int(sys.argv[1]), int(sys.argv[2])
    del sys.argv[1:]
    _end_with(parent, descriptor)
    os.set_inheritable(descriptor, False)
    channel = Channel(socket.socket(fileno=descriptor))
    capture_output(channel)
    setup = cast(_Setup, _next_frame(channel)[0]["setup"])
    try:
        handler = load(setup["handler"], setup["path"])
    except SystemExit as leaving:
        _leave(leaving)
    except BaseException as error:
        channel.send({"ready": True, "asynchronous": False})
        call = cast(_Call, _next_frame(channel)[0])
        channel.sole_request = call["request_id"]
        _fail(channel, call, error, last=True)
        os._exit(0)
    asynchronous = is_asynchronous(handler)
    channel.send({"ready": True, "asynchronous": asynchronous})
    if asynchronous:
        asyncio.run(_serve_concurrently(channel, handler, setup["timeout"]))
    else:
        _serve(channel, handler, setup["timeout"])


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


def _next_frame(channel: Channel) -> tuple[Head, bytes]:
    while True:
        for frame in channel.receive():
            return frame


def _serve(channel: Channel, handler: Handler, timeout: float) -> None:
    """One call after the other."""
    while True:
        for head, event in channel.receive():
            call = cast(_Call, head)
            channel.sole_request = call["request_id"]
            try:
                payload = marshal(handler(json.loads(event), _context(call, timeout)))
            except SystemExit as leaving:
                _leave(leaving)
            except BaseException as error:
                _fail(channel, call, error)
            else:
                channel.send({"done": call["call"]}, payload)


async def _serve_concurrently(channel: Channel, handler: Handler, timeout: float) -> None:
    """Every call at once, each a task; the server keeps to the limit."""
    loop = asyncio.get_running_loop()
    running: dict[int, asyncio.Task[None]] = {}

    async def run(call: _Call, event: bytes) -> None:
        channel.request_id.set(call["request_id"])
        try:
            result = await cast(Awaitable[object], handler(json.loads(event), _context(call, timeout)))
            payload = marshal(result)
        except asyncio.CancelledError:
            raise
        except SystemExit as leaving:
            _leave(leaving)
        except BaseException as error:
            _fail(channel, call, error)
        else:
            channel.send({"done": call["call"]}, payload)

    def ended(call: _Call, task: asyncio.Task[None]) -> None:
        del running[call["call"]]
        if task.cancelled():
            _fail(channel, call, asyncio.CancelledError("the call was cancelled"))

    def readable() -> None:
        for head, event in channel.receive(socket.MSG_DONTWAIT):
            if "cancel" in head:
                task = running.get(cast(int, head["cancel"]))
                if task is not None:
                    task.cancel()
                continue
            call = cast(_Call, head)
            task = running[call["call"]] = loop.create_task(run(call, event))
            task.add_done_callback(partial(ended, call))

    loop.add_reader(channel.connection, readable)
    await loop.create_future()


def _context(call: _Call, timeout: float) -> LambdaContext:
    return LambdaContext(
        aws_request_id=call["request_id"],
        invoked_function_arn=call["function_arn"],
        timeout=timeout,
        idempotency_key=call["idempotency_key"],
        client_context=call["client_context"],
    )


def _fail(channel: Channel, call: _Call, error: BaseException, *, last: bool = False) -> None:
    name, payload = error_payload(error, call["request_id"])
    channel.log(1, error_lines(payload).encode())
    channel.send({"done": call["call"], "error": name, "last": last}, payload.encode())


def _leave(leaving: SystemExit) -> NoReturn:
    """End the process as `sys.exit` asks, without waiting for threads that the handler has left behind."""
    if leaving.code is None or isinstance(leaving.code, int):
        os._exit((leaving.code or 0) & 0xFF)
    print(leaving.code, file=sys.stderr)
    os._exit(1)


if __name__ == "__main__":
    main()
