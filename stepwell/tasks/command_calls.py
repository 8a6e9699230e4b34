"""Calls of a function that is a command: one process each.

Rules that must stay true here:
- The event is standard input and the result standard output, both as they are; what is written to standard error is the
  log, as it is written.
- A process that is not waited for any more is ended with its group.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

import orjson

from stepwell.engine.trace import variables_of
from stepwell.tasks.child import Child
from stepwell.tasks.guard import Guard
from stepwell.tasks.invocation import (
    MAX_RESPONSE,
    Answer,
    Invocation,
    error_type,
    exited,
    function_error,
    too_large,
    unstartable,
)
from stepwell.tasks.kinds.command import Command
from stepwell.tasks.separate_calls import Write

_LAST_WORDS = 0.25  # seconds that pipes are read on after the process has ended, where something else holds them open


class CommandCalls:
    """The `Carrier` of a command. `timeout` is the function's, in seconds."""

    def __init__(self, command: Command, environment: Mapping[str, str], timeout: float, guard: Guard) -> None:
        self._guard = guard
        self._command = command
        self._environment = environment
        self._timeout = timeout

    async def __call__(self, call: Invocation, write: Write) -> Answer:
        result = bytearray()
        try:
            status = await self._run(call, result, write)
        except OSError as fault:
            return unstartable(call.request_id, fault)
        if len(result) > MAX_RESPONSE:
            return too_large()
        try:
            payload = orjson.loads(result) if result.strip() else None
        except orjson.JSONDecodeError as fault:
            if status == 0:
                return function_error("Runtime.MarshalError", f"Standard output is no JSON: {fault}")
            payload = None
        text = result.decode().strip() or "null"
        if status == 0:
            return Answer(text)
        # A command may name its error by writing it as Lambda's runtimes do.
        error = error_type(payload)
        return exited(call.request_id, status) if error is None else Answer(text, error)

    async def _run(self, call: Invocation, result: bytearray, write: Write) -> int:
        """The exit status. Raises OSError."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[int] = loop.create_future()

        def collect(data: bytes) -> None:
            if len(result) <= MAX_RESPONSE:
                result.extend(data)

        with ExitStack() as ours:
            with ExitStack() as theirs:
                stdin, event = _pipe(theirs, ours)
                result_end, stdout = _pipe(ours, theirs)
                log_end, stderr = _pipe(ours, theirs)
                child = Child(
                    self._command.arguments,
                    folder=Path(self._command.folder),
                    environment={**self._environment, **self._about(call)},
                    stdin=stdin.fileno(),
                    stdout=stdout.fileno(),
                    stderr=stderr.fileno(),
                    guard=self._guard,
                    ended=lambda status: None if ended.done() else ended.set_result(status),
                )
            ours.callback(child.kill)
            readers = [_Reader(collect), _Reader(write)]
            for reader, end in zip(readers, (result_end, log_end), strict=True):
                transport, _ = await loop.connect_read_pipe(partial(_itself, reader), end)
                ours.callback(transport.close)
            fed = _End()
            feeding, _ = await loop.connect_write_pipe(partial(_itself, fed), event)
            ours.callback(lambda: None if fed.reached.done() else feeding.abort())
            feeding.write(call.event)
            feeding.close()  # once it is written
            status = await ended
            await asyncio.wait([reader.reached for reader in readers], timeout=_LAST_WORDS)
        return status

    def _about(self, call: Invocation) -> Mapping[str, str]:
        """What the Lambda runtime API tells a custom runtime in headers (developer guide, "Using the Lambda runtime
        API"), as variables."""
        about = {
            "LAMBDA_RUNTIME_AWS_REQUEST_ID": call.request_id,
            "LAMBDA_RUNTIME_INVOKED_FUNCTION_ARN": call.function_arn,
            "LAMBDA_RUNTIME_DEADLINE_MS": str(int((time.time() + self._timeout) * 1000)),
        }
        if call.client_context is not None:
            about["LAMBDA_RUNTIME_CLIENT_CONTEXT"] = call.client_context
        if call.idempotency_key is not None:
            about["IDEMPOTENCY_KEY"] = call.idempotency_key
        if call.trace is not None:
            about.update(variables_of(call.trace))
        return about


class _End(asyncio.Protocol):
    """Of a pipe; `reached` is done when it is closed."""

    def __init__(self) -> None:
        self.reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.reached.done():
            self.reached.set_result(None)


class _Reader(_End):
    """Hands on what comes out of a pipe."""

    def __init__(self, take: Write) -> None:
        super().__init__()
        self._take = take

    def data_received(self, data: bytes) -> None:
        self._take(data)


def _itself(end: _End) -> _End:
    return end


def _pipe(reader: ExitStack, writer: ExitStack) -> tuple[BinaryIO, BinaryIO]:
    """The two ends of a pipe, each closed with what it belongs to."""
    read_end, write_end = os.pipe()
    return (
        cast(BinaryIO, reader.enter_context(os.fdopen(read_end, "rb", 0))),
        cast(BinaryIO, writer.enter_context(os.fdopen(write_end, "wb", 0))),
    )
