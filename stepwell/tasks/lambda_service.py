"""The functions of this server as one service: names are resolved, calls made, processes held and ended.

Tasks and the Lambda Invoke endpoint are its two clients.

Rules that must stay true here:
- Whatever a function is, it is called in the same way: by its name, through its runner.
- A name that leads nowhere, and a function that takes no call, are answered in AWS's words.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Collection

from msgspec import Struct

from stepwell.tasks.function import Function, FunctionName, FunctionRegistry
from stepwell.tasks.guard import Guard
from stepwell.tasks.invocation import LATEST, Answer, CallRefused, Invocation
from stepwell.tasks.later_call import KeepCalls, LaterCall
from stepwell.tasks.logs import LogRing, OnLog
from stepwell.tasks.remote import RemoteFunctions
from stepwell.tasks.remote_calls import AwsLambda
from stepwell.tasks.runner import OnProgress, Runner

_log = logging.getLogger(__name__)
_KEYS = uuid.UUID("7d2f5e0a-9c0b-5f2e-8b62-3a1c5b7d9e41")  # the name space of request ids that follow from a key


class FunctionNotFound(CallRefused):
    """No function has this name; `arn` is the qualified ARN that it leads to."""

    def __init__(self, arn: str, request_id: str) -> None:
        super().__init__("ResourceNotFoundException", f"Function not found: {arn}", 404, request_id)
        self.arn = arn


class Reply(Struct, frozen=True):
    """What Invoke answers."""

    request_id: str
    executed_version: str
    answer: Answer


class _Held(Struct, eq=False):
    """A runner and the calls that it has."""

    runner: Runner
    calls: int = 0


class LambdaService:
    """Holds one runner for each function that has been called. Belongs to one event loop.

    `region` and `account` complete names that are not ARNs. `logs` keeps the last lines of every function where no
    `on_log` is given. `keep` is where calls that nobody waits for are kept; without one they are made at once, and lost
    with the process. `aws` is where functions of AWS itself are called. `on_progress` hears of calls that work for an
    execution.
    """

    keep: KeepCalls | None = None
    remote: RemoteFunctions | None = None
    """The functions that workers run; without it, all run here."""
    on_progress: OnProgress | None = None

    def __init__(
        self,
        functions: FunctionRegistry,
        *,
        region: str = "us-east-1",
        account: str = "123456789012",
        on_log: OnLog | None = None,
        aws: AwsLambda | None = None,
    ) -> None:
        self.functions = functions
        self.logs = LogRing()
        self._region = region
        self._account = account
        self._on_log: OnLog = on_log or self.logs
        self._aws = aws or AwsLambda()
        self._guard = Guard()
        self._held: dict[str, _Held] = {}
        self._retired: set[_Held] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._events: set[asyncio.Task[None]] = set()

    async def invoke(
        self,
        name: str,
        event: str,
        *,
        qualifier: str | None = None,
        client_context: str | None = None,
        idempotency_key: str | None = None,
        execution_arn: str | None = None,
        request_id: str | None = None,
        trace: str | None = None,
        tail: bool = False,
    ) -> Reply:
        """Call a function and wait for its answer.

        `name` is in any form that Lambda takes, `event` is JSON text, `client_context` JSON text; `execution_arn` is
        that of the execution whose task it is; `request_id` is drawn where there is none; `trace` is what the call is
        part of. Raises CallRefused, of which FunctionNotFound is one. Cancelling it ends the call.
        """
        request_id = request_id or str(uuid.uuid4())
        function, arn, version = self.resolve(name, qualifier, request_id)
        if function.most_at_once == 0:
            raise CallRefused("TooManyRequestsException", "Rate Exceeded.", 429, request_id)
        call = Invocation(
            request_id=request_id,
            function_arn=arn,
            version=version,
            event=event.encode(),
            client_context=client_context,
            idempotency_key=idempotency_key,
            execution_arn=execution_arn,
            trace=trace,
            tail=tail,
        )
        if self.remote is not None and self.remote.serves(function.name):
            return Reply(request_id, version, await self.remote.invoke(function, call))
        return Reply(request_id, version, await self._run(function, call))

    async def _run(self, function: Function, call: Invocation) -> Answer:
        held = self._held.get(function.name)
        if held is None:
            from stepwell.tasks.runners import make_runner  # late: what functions run in is imported by the first call

            runner = make_runner(function, self._region, self._aws, self._guard, self._on_log, self.progressed)
            held = self._held[function.name] = _Held(runner)
        held.calls += 1
        try:
            return await held.runner.invoke(call)
        finally:
            held.calls -= 1
            if held in self._retired and held.calls == 0:
                self._end(held)

    def renew(self, functions: FunctionRegistry, changed: Collection[str]) -> None:
        """Call other functions from now on, and those whose code has `changed`, by name, in new processes. Calls under
        way end on the old ones."""
        for name, held in list(self._held.items()):
            if name in changed or functions.find(name) != self.functions.find(name):
                del self._held[name]
                self._retired.add(held)
                if held.calls == 0:
                    self._end(held)
        self.functions = functions

    def _end(self, held: _Held) -> None:
        async def end() -> None:
            await held.runner.stop(0)
            self._retired.discard(held)

        task = asyncio.get_running_loop().create_task(end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def invoke_later(
        self,
        name: str,
        event: str,
        *,
        qualifier: str | None = None,
        client_context: str | None = None,
        idempotency_key: str | None = None,
        execution_arn: str | None = None,
        secret: bool = False,
        trace: str | None = None,
    ) -> str:
        """Call a function without waiting for it (InvocationType Event); answers the request id.

        The answer comes when the call is kept, once for each `idempotency_key`; a `secret` event is kept sealed.
        `trace` is what the call is part of. Raises FunctionNotFound, EventTooLarge, and what `keep` raises.
        """
        self.check(name, qualifier)
        call = LaterCall(
            request_id=str(uuid.uuid5(_KEYS, idempotency_key) if idempotency_key else uuid.uuid4()),
            name=name,
            event=event,
            qualifier=qualifier,
            client_context=client_context,
            execution_arn=execution_arn,
            secret=secret,
            trace=trace,
        )
        await (self.keep or self._call_at_once)(call)
        return call.request_id

    async def _call_at_once(self, call: LaterCall) -> None:
        async def invoke() -> None:
            await self.invoke(
                call.name,
                call.event,
                qualifier=call.qualifier,
                client_context=call.client_context,
                execution_arn=call.execution_arn,
                request_id=call.request_id,
                trace=call.trace,
            )

        task = asyncio.get_running_loop().create_task(invoke())
        self._events.add(task)
        task.add_done_callback(self._events.discard)

    def check(self, name: str, qualifier: str | None = None) -> str:
        """See that a function is there (InvocationType DryRun); answers a request id. Raises FunctionNotFound."""
        request_id = str(uuid.uuid4())
        self.resolve(name, qualifier, request_id)
        return request_id

    def resolve(
        self, name: str, qualifier: str | None = None, request_id: str | None = None
    ) -> tuple[Function, str, str]:
        """A function, its ARN, qualified where the name is, and the version meant. Raises FunctionNotFound."""
        named = FunctionName.parse(name)
        function = self.functions.find(name)
        if function is None and named is not None and self.remote is not None:
            function = self.remote.undeclared(named.name)
        qualifier = qualifier or (named.qualifier if named else None)
        arn = named.arn(self._region, self._account) if named else name
        if function is None:
            known = ", ".join(function.name for function in self.functions) or "none"
            _log.warning("no function named %r is registered; registered: %s", named.name if named else name, known)
            raise FunctionNotFound(f"{arn}:{qualifier or LATEST}", request_id or str(uuid.uuid4()))
        version = qualifier if qualifier and qualifier.isdecimal() else LATEST
        return function, f"{arn}:{qualifier}" if qualifier else arn, version

    async def stop(self, grace: float) -> None:
        """End all calls and processes, giving running calls `grace` seconds to end by themselves."""
        events = list(self._events)
        ending = list(self._ending)
        await asyncio.gather(*(held.runner.stop(grace) for held in (*self._held.values(), *self._retired)), *ending)
        for event in events:
            event.cancel()
        await asyncio.gather(*events, return_exceptions=True)
        await self._guard.stop()

    def pids(self) -> tuple[int, ...]:
        """The processes of all functions."""
        return tuple(pid for held in (*self._held.values(), *self._retired) for pid in held.runner.pids)

    def progressed(self, execution_arn: str | None, fraction: float, message: str | None) -> None:
        """A handler that works for an execution says how far it is."""
        if self.on_progress is not None:
            self.on_progress(execution_arn, fraction, message)
