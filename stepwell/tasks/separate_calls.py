"""Calls that have nothing in common but a limit: each is carried out by itself, in its turn, within the timeout.

Rules that must stay true here:
- Calls start in the order in which they came; never more than the function allows run at once.
- What a call has begun ends with it: with its answer, its timeout, and when nobody waits for it any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeAlias

from msgspec.structs import replace

from stepwell.tasks.call_log import CallLog
from stepwell.tasks.function import Function
from stepwell.tasks.function_environment import memory_size
from stepwell.tasks.invocation import EXITED, Answer, Invocation, timed_out
from stepwell.tasks.logs import LineCutter, OnLog

Write: TypeAlias = Callable[[bytes], None]
"""Takes what the function writes to its log."""


class Carrier(Protocol):
    """Carries out one call. Cancelled, it ends what it has begun. Raises CallRefused."""

    async def __call__(self, call: Invocation, write: Write) -> Answer: ...


class SeparateCalls:
    """The `Runner` of a function without processes of its own."""

    def __init__(self, function: Function, carry_out: Carrier, on_log: OnLog, stream: str) -> None:
        self._function = function
        self._carry_out = carry_out
        self._on_log = on_log
        self._stream = stream
        self._places = asyncio.Semaphore(function.most_at_once)
        self._waiting: set[asyncio.Task[Answer]] = set()
        self._running: set[asyncio.Task[Answer]] = set()
        self._stopping = False

    @property
    def pids(self) -> tuple[int, ...]:
        return ()

    async def invoke(self, call: Invocation) -> Answer:
        if self._stopping:
            raise asyncio.CancelledError("the functions are being stopped")
        task = asyncio.get_running_loop().create_task(self._in_turn(call))
        self._waiting.add(task)
        task.add_done_callback(self._forget)
        return await task

    async def stop(self, grace: float) -> None:
        self._stopping = True
        for task in self._waiting:
            task.cancel()
        if self._running and grace > 0:
            await asyncio.wait(self._running, timeout=grace)
        ending = [*self._running, *self._waiting]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    async def _in_turn(self, call: Invocation) -> Answer:
        task = asyncio.current_task()
        assert task is not None
        async with self._places:
            self._waiting.discard(task)
            self._running.add(task)
            return await self._timed(call)

    async def _timed(self, call: Invocation) -> Answer:
        log = CallLog(LineCutter(self._function.name, self._on_log, self._stream), call, memory_size(self._function))
        limit = self._function.timeout
        error: str | None = EXITED
        try:
            async with asyncio.timeout(limit) as timer:
                answer = await self._carry_out(call, log.write)
            error = answer.error
        except TimeoutError:
            if not timer.expired():
                raise
            log.write(f"{call.request_id} Task timed out after {limit:.2f} seconds\n".encode())
            answer = timed_out(call.request_id, limit)
            error = answer.error
        finally:
            tail = log.end(error)
        return replace(answer, log_tail=tail) if call.tail else answer

    def _forget(self, task: asyncio.Task[Answer]) -> None:
        self._waiting.discard(task)
        self._running.discard(task)
