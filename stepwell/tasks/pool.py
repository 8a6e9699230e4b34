"""The processes of one function: who runs which call.

Rules that must stay true here:
- Calls start in the order in which they came; never more than the function allows run at once.
- Every call has exactly one end: an answer, or a cancellation that has ended what ran for it.
- A process that is killed takes no further call, and its place is free again only when it is gone.
- No thread and no process is made for a call that a warm process can take.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Mapping

from msgspec.structs import replace

from stepwell.engine.trace import variables_of
from stepwell.tasks import invocation
from stepwell.tasks.call_log import CallLog, PeakMemory
from stepwell.tasks.frames import FrameError, Head, number_in, text_in, text_of
from stepwell.tasks.function import Function
from stepwell.tasks.function_environment import LOG_STREAM, memory_size
from stepwell.tasks.guard import Guard
from stepwell.tasks.invocation import Answer, Invocation
from stepwell.tasks.kinds.start import WorkerStart
from stepwell.tasks.logs import LineCutter, OnLog, new_stream
from stepwell.tasks.process import WorkerProcess
from stepwell.tasks.runner import OnProgress

_IMPORT_TIME = 10.0  # seconds that a process has for importing its handler, on top of the timeout, as on Lambda
_CANCEL_TIME = 1.0  # seconds that a cancelled coroutine has to come to its end


class _Call:
    """A call on its way. `process` is None while it waits."""

    __slots__ = ("answer", "invocation", "log", "number", "process", "timer")

    def __init__(self, number: int, invocation: Invocation, answer: asyncio.Future[Answer]) -> None:
        self.number = number
        self.invocation = invocation
        self.answer = answer
        self.process: _Process | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.log: CallLog | None = None


class _Process:
    """A worker process and the calls that run in it."""

    __slots__ = (
        "asynchronous",
        "began",
        "calls",
        "initialised",
        "lines",
        "peak",
        "ready",
        "retired",
        "timer",
        "worker",
    )

    def __init__(self, worker: WorkerProcess, lines: LineCutter) -> None:
        self.worker = worker
        self.lines = lines
        self.calls: dict[int, _Call] = {}
        self.ready = False
        self.retired = False
        self.asynchronous = False
        self.timer: asyncio.TimerHandle | None = None
        self.began = time.monotonic()
        self.peak = PeakMemory()
        self.initialised: float | None = None
        """Seconds that its start has taken; None once a call has been told."""


class FunctionPool:
    """Runs the calls of one function. Belongs to the event loop that it is used on."""

    def __init__(
        self,
        function: Function,
        how: WorkerStart,
        environment: Mapping[str, str],
        guard: Guard,
        on_log: OnLog,
        on_progress: OnProgress,
    ) -> None:
        self._function = function
        self._how = how
        self._environment = environment
        self._guard = guard
        self._on_log = on_log
        self._on_progress = on_progress
        self._memory = memory_size(function)
        self._waiting: deque[_Call] = deque()
        self._processes: dict[WorkerProcess, _Process] = {}
        self._free: list[_Process] = []
        self._starting: set[asyncio.Task[None]] = set()
        self._asynchronous: bool | None = None
        self._numbers = 0
        self._stopping = False
        self._idle = asyncio.Event()
        self._gone = asyncio.Event()

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that are there now."""
        return tuple(worker.pid for worker in self._processes if worker.pid is not None)

    async def invoke(self, call: Invocation) -> Answer:
        """Run a call to its end.

        Raises asyncio.CancelledError where the pool is stopped under it: such a call has no answer. Cancelling this
        coroutine ends the call: a coroutine is cancelled, a process with a plain handler is killed.
        """
        if self._stopping:
            raise asyncio.CancelledError("the functions are being stopped")
        self._numbers += 1
        entry = _Call(self._numbers, call, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        self._go_on()
        try:
            return await entry.answer
        except asyncio.CancelledError:
            self._end_early(entry)
            raise

    async def stop(self, grace: float) -> None:
        """Let running calls end for up to `grace` seconds, then kill them. Waiting calls are cancelled at once."""
        self._stopping = True
        while self._waiting:
            self._waiting.popleft().answer.cancel()
        if any(process.calls for process in self._processes.values()) and grace > 0:
            self._idle.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), grace)
        await asyncio.gather(*self._starting, return_exceptions=True)
        for process in list(self._processes.values()):
            for call in process.calls.values():
                call.answer.cancel()
            self._retire(process)
        if self._processes:
            self._gone.clear()
            await self._gone.wait()

    # Calls.

    def _go_on(self) -> None:
        """Hand waiting calls to free processes; start processes for those that are left, as far as they are allowed."""
        while self._waiting and self._free:
            call = self._waiting.popleft()
            if not call.answer.done():
                self._hand(call, self._free[-1])
        if not self._waiting or self._stopping:
            return
        limit = self._function.most_at_once if self._asynchronous is False else 1
        coming = sum(not process.ready and not process.retired for process in self._processes.values())
        for _ in range(min(limit - len(self._processes), len(self._waiting) - coming)):
            self._start()

    def _hand(self, call: _Call, process: _Process) -> None:
        asked = call.invocation
        call.process = process
        process.calls[call.number] = call
        if len(process.calls) >= self._capacity(process):
            self._free.remove(process)
        call.log = CallLog(process.lines, asked, self._memory, process.initialised)
        process.initialised = None
        call.timer = asyncio.get_running_loop().call_later(self._function.timeout, self._overrun, call)
        process.worker.send(
            {
                "call": call.number,
                "request_id": asked.request_id,
                "function_arn": asked.function_arn,
                "idempotency_key": asked.idempotency_key,
                "client_context": asked.client_context,
                "trace": None if asked.trace is None else {**variables_of(asked.trace)},
            },
            asked.event,
        )

    def _overrun(self, call: _Call) -> None:
        request_id = call.invocation.request_id
        assert call.log is not None
        call.log.write(f"{request_id} Task timed out after {self._function.timeout:.2f} seconds\n".encode())
        self._settle(call, invocation.timed_out(request_id, self._function.timeout))
        self._end_early(call)

    def _end_early(self, call: _Call) -> None:
        """End what runs for a call whose answer is no longer wanted."""
        process = call.process
        if process is None:
            with contextlib.suppress(ValueError):
                self._waiting.remove(call)
        elif call.number in process.calls and not process.retired:
            if process.asynchronous:
                process.worker.send({"cancel": call.number})
                asyncio.get_running_loop().call_later(_CANCEL_TIME, self._end_stubborn, call, process)
            else:
                self._retire(process)

    def _end_stubborn(self, call: _Call, process: _Process) -> None:
        if call.number in process.calls:
            self._retire(process)

    def _settle(self, call: _Call, answer: Answer) -> None:
        if call.timer is not None:
            call.timer.cancel()
        if call.log is not None and call.process is not None:
            tail = call.log.end(answer.error, call.process.peak.of(call.process.worker.pid))
            if tail:
                answer = replace(answer, log_tail=tail)
        if not call.answer.done():
            call.answer.set_result(answer)

    # Processes.

    def _start(self) -> None:
        worker = WorkerProcess(self._function.name, self._how, self._function.timeout, self._guard, self)
        stream = new_stream()
        process = _Process(worker, LineCutter(self._function.name, self._on_log, stream))
        self._processes[worker] = process
        limit = _IMPORT_TIME + self._function.timeout
        process.timer = asyncio.get_running_loop().call_later(limit, self._retire, process)
        task = asyncio.get_running_loop().create_task(self._launch(process, {**self._environment, LOG_STREAM: stream}))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _launch(self, process: _Process, environment: Mapping[str, str]) -> None:
        try:
            await process.worker.start(environment)
        except OSError as fault:
            call = self._forget(process)
            if call is not None:
                self._settle(call, invocation.unstartable(call.invocation.request_id, fault))
            self._go_on()

    def _capacity(self, process: _Process) -> int:
        return self._function.most_at_once if process.asynchronous else 1

    def _retire(self, process: _Process) -> None:
        process.retired = True
        if process in self._free:
            self._free.remove(process)
        process.worker.kill()

    def _forget(self, process: _Process) -> _Call | None:
        """Take a process out; where it never became ready, the call that has waited longest goes with it."""
        self._processes.pop(process.worker, None)
        if process in self._free:
            self._free.remove(process)
        if process.timer is not None:
            process.timer.cancel()
        if not self._processes:
            self._gone.set()
        if not process.ready and not self._stopping:
            while self._waiting:
                call = self._waiting.popleft()
                if not call.answer.done():
                    return call
        return None

    # What a process tells.

    def received(self, worker: WorkerProcess, head: Head, body: bytes) -> None:
        """Raises FrameError where nothing that follows the protocol says such a thing: code that writes to descriptors
        at random does."""
        process = self._processes[worker]
        if "done" in head:
            self._done(process, head, body)
        elif "log" in head:
            request_id = text_in(head, "log")
            process.lines.write(request_id, number_in(head, "stream"), body)
            for writing in process.calls.values():
                if writing.log is not None and writing.invocation.request_id == request_id:
                    writing.log.keep(body)
        elif "progress" in head:
            call, fraction = process.calls.get(number_in(head, "progress")), head.get("fraction")
            if not isinstance(fraction, int | float):
                raise FrameError("fraction is no number")
            if call is not None and not call.answer.done():
                self._on_progress(call.invocation.execution_arn, fraction, text_of(body) or None)
        elif process.ready or "ready" not in head:
            raise FrameError("a frame that is not expected")
        elif not process.retired:
            process.ready = True
            process.initialised = time.monotonic() - process.began
            process.asynchronous = self._asynchronous = bool(head["asynchronous"])
            if process.timer is not None:
                process.timer.cancel()
            self._free.append(process)
            self._go_on()

    def _done(self, process: _Process, head: Head, body: bytes) -> None:
        number, answer = number_in(head, "done"), Answer(text_of(body), text_in(head, "error"))
        if number not in process.calls:
            raise FrameError("the end of a call that is not under way")
        process.worker.take_output()
        full = len(process.calls) >= self._capacity(process)
        call = process.calls.pop(number)
        self._settle(call, answer)
        process.lines.end(call.invocation.request_id)
        if head.get("last"):
            process.retired = True
        if not process.retired and full:
            self._free.append(process)
        if self._stopping and not any(process.calls for process in self._processes.values()):
            self._idle.set()
        self._go_on()

    def printed(self, worker: WorkerProcess, data: bytes) -> None:
        process = self._processes[worker]
        alone = next(iter(process.calls.values())) if len(process.calls) == 1 else None
        process.lines.write(alone.invocation.request_id if alone else None, 0, data)

    def ended(self, worker: WorkerProcess, status: int) -> None:
        process = self._processes[worker]
        process.lines.close()
        unready = self._forget(process)
        for call in list(process.calls.values()):
            self._settle(call, invocation.exited(call.invocation.request_id, status))
        if unready is not None:
            request_id = unready.invocation.request_id
            overrun = process.retired
            timeout = _IMPORT_TIME + self._function.timeout
            answer = invocation.timed_out(request_id, timeout) if overrun else invocation.exited(request_id, status)
            self._settle(unready, answer)
        process.calls.clear()
        if self._stopping:
            self._idle.set()
        self._go_on()
