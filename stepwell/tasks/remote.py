"""Functions that run on workers: calls are parked until a worker takes them, and are its own while its lease lasts.

A worker takes a call by GetActivityTask on the activity `function.NAME`, and ends it by SendTaskSuccess or
SendTaskFailure; SendTaskHeartbeat renews its lease. A lease that is not renewed lapses, and the call goes to the next
worker.

Rules that must stay true here:
- A call has one holder at most. What a former holder still sends is refused and changes nothing.
- A worker is told that its answer was taken only once the answer is recorded; told again, it is told the same.
- A lease is kept before its call is handed out: a server that is started anew waits for the worker that holds it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections import deque
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from hmac import compare_digest
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from stepwell.tasks import invocation
from stepwell.tasks.function import Function
from stepwell.tasks.invocation import Answer, Invocation
from stepwell.tasks.kinds.other_runtime import OtherRuntime
from stepwell.tasks.lease import KeptLease, LeaseBook, call_name, call_of, digest, new_token

LEASE: Final = 30.0
"""Seconds that a worker has between two heartbeats."""

HANDED_BACK: Final = "Stepwell.HandedBack"
"""The error by which a worker gives a call back that it will not end: it goes to the next worker."""

ACTIVITY_PREFIX: Final = "function."
"""What stands before a function's name in the name of its activity. No function's name has a dot."""

_PATIENCE: Final = 900.0  # seconds that a caller who is not kept waits for a worker: Lambda's longest call
_START_TIME: Final = 10.0  # seconds that a worker has for importing the handler, on top of the timeout


class LeaseLapsed(Exception):
    """The token's call has ended, or is another worker's."""


class Handed(Struct, frozen=True):
    """A call that a worker has been given. `lease` is in seconds."""

    token: str
    invocation: Invocation
    lease: float


class _Call:
    """A call on its way. `digest` is that of its holder's token; `until` is when the lease lapses, `deadline` when the
    holder has had its time; `recorded` is set once the answer is where nothing loses it."""

    __slots__ = ("answer", "deadline", "digest", "function", "invocation", "name", "recorded", "timer", "until")

    def __init__(self, name: bytes, function: Function, invocation: Invocation) -> None:
        self.name = name
        self.function = function
        self.invocation = invocation
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.recorded = asyncio.Event()
        self.digest: bytes | None = None
        self.until = self.deadline = 0.0
        self.timer: asyncio.TimerHandle | None = None


class _Queue:
    """The calls of one function that nobody holds, and the workers that poll for them, the longest waiting first."""

    __slots__ = ("calls", "polling")

    def __init__(self) -> None:
        self.calls: deque[_Call] = deque()
        self.polling: dict[asyncio.Event, None] = {}

    def offer(self) -> None:
        called = next((event for event in self.polling if not event.is_set()), None)
        if called is not None:
            called.set()


class RemoteFunctions:
    """The functions of a server that workers run. Belongs to one event loop.

    `patterns` are names of functions, in which `*` stands for anything. `tail` gives the last lines of a call's log.
    """

    def __init__(
        self,
        patterns: Iterable[str],
        *,
        lease: float = LEASE,
        tail: Callable[[str, str], bytes] = lambda _function, _request_id: b"",
    ) -> None:
        self._patterns = tuple(patterns)
        self._book: LeaseBook | None = None
        self._lease = lease
        self._tail = tail
        self._calls: dict[bytes, _Call] = {}
        self._queues: dict[str, _Queue] = {}
        self._watched: set[bytes] = set()
        self._left: dict[bytes, tuple[bytes, asyncio.Event]] = {}  # leases of the server before: digest, call is here
        self._dropping: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def open(self, book: LeaseBook) -> None:
        """Keep leases in a book from now on, and take up those that the server before has left there. Called before
        the first call."""
        self._book = book
        for kept in await book.all():
            self._left[kept.call] = (kept.digest, asyncio.Event())
            asyncio.get_running_loop().call_later(self._lease, self._forget_left, kept.call)

    def stop(self) -> None:
        """Answer all polls with nothing. Calls stay with their workers, for the server that comes next."""
        self._stopping = True
        for queue in self._queues.values():
            for event in queue.polling:
                event.set()

    def serves(self, name: str) -> bool:
        """Whether workers run the function of this name."""
        return any(fnmatchcase(name, pattern) for pattern in self._patterns)

    @property
    def patterns(self) -> tuple[str, ...]:
        return self._patterns

    def undeclared(self, name: str) -> Function | None:
        """What stands for a function that only workers know; None where workers do not run it."""
        return Function(name=name, code=OtherRuntime("a worker's"), timeout=math.inf) if self.serves(name) else None

    # -- callers

    def watch(self, key: str) -> None:
        """The answer of the call with this idempotency key will be recorded: `recorded` tells when."""
        self._watched.add(call_name(key))

    def recorded(self, key: str) -> None:
        """Nobody wants the call any more, or nothing can lose its answer."""
        name = call_name(key)
        self._watched.discard(name)
        call = self._calls.get(name)
        if call is not None:
            self._remove(call)

    async def invoke(self, function: Function, asked: Invocation) -> Answer:
        """Park a call until a worker has carried it out. Cancelling it takes it from its worker."""
        key = asked.idempotency_key
        name = call_name(key or asked.request_id)
        if name in self._calls:  # two callers have drawn one key: each has a call of its own
            name = call_name(asked.request_id)
        call = self._calls[name] = _Call(name, function, asked)
        left = self._left.pop(name, None)
        if left is None:
            self._park(call)
        else:
            call.digest = left[0]
            self._renew(call, new=True)
            left[1].set()
        if key is None:
            asyncio.get_running_loop().call_later(_PATIENCE, self._give_up, call)
        try:
            return await call.answer
        except asyncio.CancelledError:
            self._remove(call)
            raise
        finally:
            if name not in self._watched:
                self._remove(call)

    def _give_up(self, call: _Call) -> None:
        if call.digest is None:
            self._settle(call, invocation.not_started(call.invocation.request_id, "no worker has taken the call"))

    # -- workers

    async def take(self, name: str, worker: str | None, wait: float) -> Handed | None:
        """The next call of a function; None after `wait` seconds without one. Raises what the book raises."""
        queue = self._queues.setdefault(name, _Queue())
        deadline = asyncio.get_running_loop().time() + wait
        called = asyncio.Event()
        queue.polling[called] = None
        try:
            while not self._stopping:
                called.clear()
                if queue.calls:
                    handed = await self._hand(queue, worker)
                    if handed is not None:
                        return handed
                    continue
                left = deadline - asyncio.get_running_loop().time()
                if left <= 0:
                    return None
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await called.wait()
            return None
        finally:
            del queue.polling[called]
            if queue.calls and called.is_set():
                queue.offer()
            elif not (queue.calls or queue.polling):
                self._queues.pop(name, None)

    async def _hand(self, queue: _Queue, worker: str | None) -> Handed | None:
        """Give the call that has waited longest to a worker; None where nobody wants it any more."""
        call = queue.calls.popleft()
        if call.answer.done():
            return None
        token = new_token(call.name)
        call.digest = digest(token)
        try:
            if self._book is not None and call.invocation.idempotency_key is not None:
                await self._book.keep(KeptLease(call.name, call.digest, call.function.name, worker))
        except BaseException:
            self._take_back(call)
            raise
        if call.answer.done():
            self._drop(call)
            return None
        self._renew(call, new=True)
        return Handed(token, call.invocation, self._lease)

    async def succeed(self, token: str, output: str) -> None:
        """The holder's answer; `output` is JSON text. Returns once it is recorded. Raises LeaseLapsed."""
        call = await self._held(token)
        self._settle(call, Answer(output))
        await call.recorded.wait()

    async def fail(self, token: str, error: str | None, cause: str | None) -> None:
        """The holder's error, or that it hands the call back. Raises LeaseLapsed."""
        call = await self._held(token)
        if error == HANDED_BACK and not call.answer.done():
            self._take_back(call)
            return
        self._settle(call, _failed(error, cause))
        await call.recorded.wait()

    async def beat(self, token: str) -> None:
        """The holder is alive. Raises LeaseLapsed."""
        self._renew(await self._held(token))

    async def _held(self, token: str) -> _Call:
        """The call that a token's worker holds; one that is on its way back after a restart is waited for."""
        name = call_of(token)
        mark = digest(token)
        left = None if name is None else self._left.get(name)
        if left is not None and compare_digest(left[0], mark):
            await left[1].wait()
        call = None if name is None else self._calls.get(name)
        if call is None or call.digest is None or not compare_digest(call.digest, mark):
            raise LeaseLapsed
        return call

    # -- leases

    def _park(self, call: _Call, *, first: bool = False) -> None:
        queue = self._queues.setdefault(call.function.name, _Queue())
        if first:
            queue.calls.appendleft(call)
        else:
            queue.calls.append(call)
        queue.offer()

    def _take_back(self, call: _Call) -> None:
        """The call is nobody's: the next worker gets it before all others."""
        self._stop_timer(call)
        call.digest = None
        self._drop(call)
        if not call.answer.done():
            self._park(call, first=True)

    def _renew(self, call: _Call, *, new: bool = False) -> None:
        loop = asyncio.get_running_loop()
        if new:
            call.deadline = loop.time() + call.function.timeout + _START_TIME + self._lease
            call.timer = loop.call_later(self._lease, self._look, call)
        call.until = loop.time() + self._lease

    def _look(self, call: _Call) -> None:
        """The time of a lease may be over."""
        loop = asyncio.get_running_loop()
        ends = min(call.until, call.deadline)
        if ends > loop.time():
            call.timer = loop.call_at(ends, self._look, call)
        elif call.deadline <= loop.time():
            self._settle(call, invocation.timed_out(call.invocation.request_id, call.function.timeout))
        else:
            self._take_back(call)

    def _settle(self, call: _Call, answer: Answer) -> None:
        self._stop_timer(call)
        if not call.answer.done():
            asked = call.invocation
            tail = self._tail(call.function.name, asked.request_id) if asked.tail else b""
            call.answer.set_result(replace(answer, log_tail=tail))

    def _remove(self, call: _Call) -> None:
        if self._calls.get(call.name) is not call:
            return
        del self._calls[call.name]
        self._stop_timer(call)
        call.recorded.set()
        queue = self._queues.get(call.function.name)
        if call.digest is None and queue is not None:
            with contextlib.suppress(ValueError):
                queue.calls.remove(call)
        if call.digest is not None and not (self._stopping and call.answer.cancelled()):
            self._drop(call)

    def _stop_timer(self, call: _Call) -> None:
        if call.timer is not None:
            call.timer.cancel()
            call.timer = None

    def _forget_left(self, name: bytes) -> None:
        """The task of a lease has not come back: it has ended meanwhile."""
        left = self._left.pop(name, None)
        if left is not None:
            left[1].set()
            self._drop_by_name(name)

    def _drop(self, call: _Call) -> None:
        if call.invocation.idempotency_key is not None:
            self._drop_by_name(call.name)

    def _drop_by_name(self, name: bytes) -> None:
        if self._book is not None:
            task = asyncio.get_running_loop().create_task(_drop_safely(self._book, name))
            self._dropping.add(task)
            task.add_done_callback(self._dropping.discard)


async def _drop_safely(book: LeaseBook, name: bytes) -> None:
    with contextlib.suppress(Exception):  # a lease that stays is dropped after the next start: it holds nothing up
        await book.drop(name)


def _failed(error: str | None, cause: str | None) -> Answer:
    """What a worker reports, in the form that AWS Lambda gives errors; a payload of that form is handed on as it is."""
    name = error or invocation.UNKNOWN
    try:
        reported = json.loads(cause) if cause else None
    except ValueError:
        reported = None
    if cause and isinstance(reported, dict) and reported.get("errorType") == name:
        return Answer(cause, name)
    return Answer(json.dumps({"errorMessage": cause or "", "errorType": name}, separators=(",", ":")), name)
