"""How a worker process serves an `async def` handler: many calls at once on one event loop.

Rules that must stay true here:
- A call is a task of its own; cancelling one never touches another.
- Every call that came in is answered once, a cancelled one too: the server counts on it to free its place.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable
from functools import partial
from typing import cast

from stepwell.tasks.channel import Channel
from stepwell.tasks.handler import Handler, marshal
from stepwell.tasks.worker_call import Call, context, fail, leave


async def serve_concurrently(channel: Channel, handler: Handler, timeout: float) -> None:
    """Serve until the process ends. The server keeps to the limit of calls at once."""
    loop = asyncio.get_running_loop()
    running: dict[int, asyncio.Task[None]] = {}

    async def run(call: Call, event: bytes) -> None:
        channel.request_id.set(call["request_id"])
        try:
            result = await cast(Awaitable[object], handler(json.loads(event), context(channel, call, timeout)))
            payload = marshal(result)
        except asyncio.CancelledError:
            raise
        except SystemExit as leaving:
            leave(leaving)
        except BaseException as error:
            fail(channel, call, error)
        else:
            channel.send({"done": call["call"]}, payload)

    def ended(call: Call, task: asyncio.Task[None]) -> None:
        del running[call["call"]]
        if task.cancelled():
            fail(channel, call, asyncio.CancelledError("the call was cancelled"))

    def readable() -> None:
        for head, event in channel.receive(socket.MSG_DONTWAIT):
            if "cancel" in head:
                task = running.get(cast(int, head["cancel"]))
                if task is not None:
                    task.cancel()
                continue
            call = cast(Call, head)
            task = running[call["call"]] = loop.create_task(run(call, event))
            task.add_done_callback(partial(ended, call))

    loop.add_reader(channel.connection, readable)
    await loop.create_future()
