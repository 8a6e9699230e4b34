"""Takes calls from a server, carries them out in processes of this machine, and tells what has come of them.

Rules that must stay true here:
- No more calls are taken than may run: a poll is made only for a place that is free, and the place is taken until the
  outcome has reached the server.
- While a call runs, the server hears that it is alive; once it is another worker's, it is ended here.
- A server that is away is waited for, with growing pauses; what runs meanwhile goes on.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import uuid
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from msgspec import Struct

from stepwell.tasks.invocation import Answer
from stepwell.tasks.lambda_service import LambdaService
from stepwell.tasks.remote import HANDED_BACK
from stepwell.worker.lines import LineSender
from stepwell.worker.progress import ProgressSender
from stepwell.worker.server import Refused, Server, Unreachable

STOPPED: Final = "Stepwell.WorkerStopped"
"""The error of an activity's task whose worker was stopped: an activity cannot be handed back."""

_FIRST_PAUSE = 0.1  # seconds between two tries to reach the server
_LONGEST_PAUSE = 5.0
_LAST_WORDS = 5.0  # seconds to hand back what is under way
_MAX_OUTPUT = 262_144  # characters (API reference, SendTaskSuccess)
_MAX_CAUSE = 32_768
_MAX_ERROR = 256
_OVER = ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken")


class Post(Struct, frozen=True):
    """What a worker does for one activity: its handler is the function of this name. `heartbeat` is in seconds, and
    that of a call that says nothing else. `returnable` says that a call may be handed back."""

    activity_arn: str
    function: str
    concurrency: int
    heartbeat: float
    returnable: bool


class Worker:
    """`name` is what the server is told of this worker."""

    def __init__(
        self, server: Server, functions: LambdaService, lines: LineSender, progress: ProgressSender, name: str
    ) -> None:
        self._server = server
        self._functions = functions
        self._lines = lines
        self._progress = progress
        self._name = name
        self._running: set[asyncio.Task[None]] = set()
        self._draining = False
        self._away = False
        self._told: set[str] = set()

    async def run(self, posts: Sequence[Post], stop: asyncio.Event, grace: float) -> None:
        """Work until `stop` is set; then end what is under way within `grace` seconds, and hand back the rest."""
        senders = [asyncio.ensure_future(sender.run()) for sender in (self._lines, self._progress)]
        pollers = [asyncio.ensure_future(self._serve(post)) for post in posts]
        try:
            stopping = asyncio.ensure_future(stop.wait())
            await asyncio.wait([stopping, *pollers], return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
        finally:
            for poller in pollers:
                poller.cancel()
            ended = await asyncio.gather(*pollers, return_exceptions=True)
            if self._running:
                await asyncio.wait(self._running, timeout=grace)
            self._draining = True
            for task in self._running:
                task.cancel()
            if self._running:
                await asyncio.wait(self._running, timeout=_LAST_WORDS)
            for sender in senders:
                sender.cancel()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS):
                    await self._lines.flush()
            await self._functions.stop(0)
        for fault in ended:
            if isinstance(fault, Exception):
                raise fault

    async def _serve(self, post: Post) -> None:
        """Take one call after the other, as long as there is place for it."""
        places = asyncio.Semaphore(post.concurrency)
        while True:
            await places.acquire()
            call = await self._next(post)
            task = asyncio.ensure_future(self._carry_out(post, call))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            task.add_done_callback(lambda _: places.release())

    async def _next(self, post: Post) -> dict[str, Any]:
        pause = _FIRST_PAUSE
        while True:
            try:
                answer = await self._server.call(
                    "GetActivityTask", activityArn=post.activity_arn, workerName=self._name
                )
                self._is_back()
                if answer.get("taskToken"):
                    return answer
                pause = _FIRST_PAUSE
                continue
            except Unreachable as away:
                self._is_away(away)
            except Refused as refused:
                if refused.error != "ActivityDoesNotExist":
                    raise
                self._tell_once(
                    f"{self._server.url} has no {post.activity_arn}: it leaves that function to no worker. Say so there"
                    " with `worker=True` or remote_functions; asking again until then."
                )
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311  # so that workers do not come all at once
            pause = min(pause * 2, _LONGEST_PAUSE)

    # -- one call

    async def _carry_out(self, post: Post, call: dict[str, Any]) -> None:
        token = str(call["taskToken"])
        asked = call.get("invocation") or {}
        heartbeat = min(post.heartbeat, asked.get("leaseSeconds", post.heartbeat * 3) / 3)
        run = asyncio.ensure_future(
            self._functions.invoke(
                asked.get("functionArn") or post.function,
                str(call["input"]),
                client_context=asked.get("clientContext"),
                idempotency_key=asked.get("idempotencyKey"),
                execution_arn=asked.get("execution"),
                request_id=asked.get("requestId") or str(uuid.uuid4()),
                trace=asked.get("trace") or call.get("trace"),
            )
        )
        alive = asyncio.ensure_future(self._keep_alive(token, heartbeat))
        try:
            await asyncio.wait([run, alive], return_when=asyncio.FIRST_COMPLETED)
            if not run.done():
                self._tell(f"a call of {post.function} is no longer wanted, or another worker's: ended here")
                return
            await asyncio.gather(self._lines.flush(), self._progress.flush())
            await self._answer(token, run.result().answer)
        except asyncio.CancelledError:
            if not self._draining:
                raise
            await self._give_back(post, token)
        finally:
            for task in (run, alive):
                task.cancel()
            await asyncio.gather(run, alive, return_exceptions=True)

    async def _keep_alive(self, token: str, every: float) -> None:
        """Say that the call is alive, until the server does not want it any more."""
        pause = every
        while True:
            await asyncio.sleep(pause)
            try:
                await self._server.call("SendTaskHeartbeat", taskToken=token)
                pause = every
                self._is_back()
            except Unreachable as away:
                self._is_away(away)
                pause = min(every, 1.0)
            except Refused as refused:
                if refused.error in _OVER:
                    return
                raise

    async def _answer(self, token: str, answer: Answer) -> None:
        """Tell the outcome, however long the server is away."""
        if answer.error is None and len(answer.payload) > _MAX_OUTPUT:
            message = f"The result has {len(answer.payload)} characters; a worker's may have {_MAX_OUTPUT}."
            answer = Answer(_error_payload("Function.ResponseSizeTooLarge", message), "Function.ResponseSizeTooLarge")
        pause = _FIRST_PAUSE
        while True:
            try:
                if answer.error is None:
                    await self._server.call("SendTaskSuccess", taskToken=token, output=answer.payload)
                else:
                    error, cause = answer.error[:_MAX_ERROR], _cause(answer)
                    await self._server.call("SendTaskFailure", taskToken=token, error=error, cause=cause)
                self._is_back()
                return
            except Unreachable as away:
                self._is_away(away)
            except Refused as refused:
                self._tell(f"an outcome was refused: {refused}")
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _give_back(self, post: Post, token: str) -> None:
        error = HANDED_BACK if post.returnable else STOPPED
        with suppress(Unreachable, Refused):
            cause = f"The worker {self._name} was stopped."
            await self._server.call("SendTaskFailure", taskToken=token, error=error, cause=cause)

    # -- what a person is told

    def _is_away(self, why: Unreachable) -> None:
        if not self._away:
            self._away = True
            self._tell(f"{self._server.url} is away, waiting for it ({why})")

    def _is_back(self) -> None:
        if self._away:
            self._away = False
            self._tell(f"{self._server.url} is back")

    def _tell_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._tell(text)

    def _tell(self, text: str) -> None:
        print(f"stepwell: {text}", file=sys.stderr, flush=True)


def _cause(answer: Answer) -> str:
    """The error's payload; one that is too long goes without its stack trace, and with the end of its message cut."""
    if len(answer.payload) <= _MAX_CAUSE:
        return answer.payload
    try:
        message = str(json.loads(answer.payload).get("errorMessage", ""))
    except (ValueError, AttributeError):
        message = answer.payload
    return _error_payload(str(answer.error), message[: _MAX_CAUSE // 8])


def _error_payload(error: str, message: str) -> str:
    return json.dumps({"errorMessage": message, "errorType": error}, separators=(",", ":"))
