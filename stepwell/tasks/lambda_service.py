"""The functions of this server as one service: names are resolved, calls made, processes held and ended.

Tasks and the Lambda Invoke endpoint are its two clients.

Rules that must stay true here:
- A function's processes see the server's environment without what is Stepwell's own (`STEPWELL_…`: database URLs,
  keys, tokens), Lambda's variables, and the function's own on top. The rest of the server's environment is handed on:
  proxies, certificates, AWS credentials and endpoints are what handlers reach the world with.
- A name that leads nowhere is answered in AWS's words.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from stepwell.tasks.function import Function, FunctionName, FunctionRegistry
from stepwell.tasks.invocation import LATEST, Answer, Invocation
from stepwell.tasks.later_call import KeepCall, LaterCall
from stepwell.tasks.logs import LogRing, OnLog
from stepwell.tasks.pool import FunctionPool

_log = logging.getLogger(__name__)
_KEYS = uuid.UUID("7d2f5e0a-9c0b-5f2e-8b62-3a1c5b7d9e41")  # the name space of request ids that follow from a key


class FunctionNotFound(Exception):
    """No function has this name. `cause` is AWS's sentence, `arn` the qualified ARN in it."""

    def __init__(self, arn: str, request_id: str) -> None:
        self.arn = arn
        self.request_id = request_id
        self.cause = (
            f"Function not found: {arn} (Service: AWSLambda; Status Code: 404; "
            f"Error Code: ResourceNotFoundException; Request ID: {request_id}; Proxy: null)"
        )
        super().__init__(self.cause)


@dataclass(frozen=True, slots=True)
class Reply:
    """What Invoke answers."""

    request_id: str
    executed_version: str
    answer: Answer


class LambdaService:
    """Holds one pool of processes for each function that has been called. Belongs to one event loop.

    `region` and `account` complete names that are not ARNs. `logs` keeps the last lines of every function where no
    `on_log` is given. `keep` is where calls that nobody waits for are kept; without one they are made at once, and lost
    with the process.
    """

    keep: KeepCall | None = None

    def __init__(
        self,
        functions: FunctionRegistry,
        *,
        region: str = "us-east-1",
        account: str = "123456789012",
        on_log: OnLog | None = None,
    ) -> None:
        self.functions = functions
        self.logs = LogRing()
        self._region = region
        self._account = account
        self._on_log: OnLog = on_log or self.logs
        self._pools: dict[str, FunctionPool] = {}
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
        tail: bool = False,
    ) -> Reply:
        """Call a function and wait for its answer.

        `name` is in any form that Lambda takes, `event` is JSON text, `client_context` JSON text; `execution_arn` is
        that of the execution whose task it is; `request_id` is drawn where there is none. Raises FunctionNotFound.
        Cancelling it ends the call.
        """
        request_id = request_id or str(uuid.uuid4())
        function, arn, version = self.resolve(name, qualifier, request_id)
        call = Invocation(
            request_id=request_id,
            function_arn=arn,
            event=event.encode(),
            client_context=client_context,
            idempotency_key=idempotency_key,
            execution_arn=execution_arn,
            tail=tail,
        )
        return Reply(request_id, version, await self._pool(function).invoke(call))

    async def invoke_later(
        self,
        name: str,
        event: str,
        *,
        qualifier: str | None = None,
        client_context: str | None = None,
        idempotency_key: str | None = None,
        execution_arn: str | None = None,
    ) -> str:
        """Call a function without waiting for it (InvocationType Event); answers the request id.

        The answer comes when the call is kept, once for each `idempotency_key`. Raises FunctionNotFound, EventTooLarge,
        and what `keep` raises.
        """
        self.check(name, qualifier)
        call = LaterCall(
            request_id=str(uuid.uuid5(_KEYS, idempotency_key) if idempotency_key else uuid.uuid4()),
            name=name,
            event=event,
            qualifier=qualifier,
            client_context=client_context,
            execution_arn=execution_arn,
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
        await asyncio.gather(*(pool.stop(grace) for pool in self._pools.values()))
        for event in events:
            event.cancel()
        await asyncio.gather(*events, return_exceptions=True)

    def pids(self) -> tuple[int, ...]:
        """The processes of all functions."""
        return tuple(pid for pool in self._pools.values() for pid in pool.pids)

    def _pool(self, function: Function) -> FunctionPool:
        pool = self._pools.get(function.name)
        if pool is None:
            pool = FunctionPool(function, _environment(function, self._region), self._on_log)
            self._pools[function.name] = pool
        return pool


def memory_size() -> int:
    """The memory that a function may use, in MB: all that the machine has, for nothing less limits it."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // (1024 * 1024)


def _environment(function: Function, region: str) -> Mapping[str, str]:
    """The environment of a function's processes, with the variables that AWS Lambda sets."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("STEPWELL_")}
    today = time.strftime("%Y/%m/%d", time.gmtime())
    return {
        **inherited,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_size()),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": LATEST,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{today}/[{LATEST}]{uuid.uuid4().hex}",
        "AWS_REGION": region,
        "LAMBDA_TASK_ROOT": function.path[0] if function.path else os.getcwd(),  # noqa: PTH109  # as the child sees it
        "TZ": ":UTC",
        "_HANDLER": function.handler.replace(":", "."),
        **function.environment,
    }
