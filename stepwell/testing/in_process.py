"""An app's handlers, called in the test's own process: what a test patches is patched there too.

Rules that must stay true here:
- The outcome of a call is the one that it has out of process: results and errors go through the same code.
- A failed assertion in a handler is the test's, not the machine's: it is raised in the test.
"""

from __future__ import annotations

import inspect
import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from stepwell.tasks.function import DEFAULT_TIMEOUT, Function, FunctionName, FunctionRegistry
from stepwell.tasks.handler import marshal
from stepwell.tasks.invocation import LATEST, Answer
from stepwell.tasks.lambda_context import LambdaContext
from stepwell.tasks.lambda_service import LambdaService, Reply
from stepwell.tasks.runtime_errors import error_payload


class InProcess(LambdaService):
    """`handlers` are called by name as `handler(event, context)`; `failed` is told of assertions that fail in them.
    `others` are functions that are no callables of this process: they run as they do on a server."""

    def __init__(
        self,
        handlers: Mapping[str, Callable[[Any, Any], Any]],
        failed: Callable[[AssertionError], None],
        others: Iterable[Function] = (),
    ) -> None:
        super().__init__(FunctionRegistry(others))
        self._handlers = handlers
        self._failed = failed

    def has(self, name: str) -> bool:
        """Whether a name, in any form that Lambda takes, leads to one of the functions."""
        return self._handler(name) is not None or self.functions.find(name) is not None

    def _handler(self, name: str) -> Callable[[Any, Any], Any] | None:
        named = FunctionName.parse(name)
        return None if named is None else self._handlers.get(named.name)

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
        tail: bool = False,  # nothing is logged apart
    ) -> Reply:
        named = FunctionName.parse(name)
        request_id = request_id or str(uuid.uuid4())
        handler = self._handler(name)
        if named is None or handler is None:
            return await super().invoke(
                name,
                event,
                qualifier=qualifier,
                client_context=client_context,
                idempotency_key=idempotency_key,
                execution_arn=execution_arn,
                request_id=request_id,
                trace=trace,
                tail=tail,
            )
        context = LambdaContext(
            aws_request_id=request_id,
            invoked_function_arn=name,
            timeout=DEFAULT_TIMEOUT,
            idempotency_key=idempotency_key,
            client_context=client_context,
        )
        context.function_name = named.name
        return Reply(request_id, LATEST, await self._call(handler, event, context))

    async def _call(self, handler: Callable[[Any, Any], Any], event: str, context: LambdaContext) -> Answer:
        try:
            result = handler(json.loads(event), context)
            if inspect.isawaitable(result):
                result = await result
            return Answer(marshal(result).decode())
        except AssertionError as fault:
            self._failed(fault)
            name, payload = error_payload(fault, context.aws_request_id)
        except Exception as error:
            name, payload = error_payload(error, context.aws_request_id)
        return Answer(payload, name)
