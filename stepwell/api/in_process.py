"""The AWS endpoint for callers inside the server: the same checks and handlers, without HTTP.

Rules that must stay true here:
- A caller gets what a client would get over HTTP, refusals included.
- The operations are imported by the first call: `stepwell run` has this API, and most definitions call nothing of it.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, cast

from stepwell.api.context import ApiContext
from stepwell.api.faults import ApiFault, cannot_seal
from stepwell.api.request import Request
from stepwell.engine.errors import CannotSeal, Stopping
from stepwell.engine.trace import headers_of
from stepwell.language.values import Json
from stepwell.tasks.aws.faults import ServiceFault

_log = logging.getLogger("stepwell.api")


class InProcessApi:
    """The API of a server that is being put together: bound to its context when that exists."""

    def __init__(self) -> None:
        self._context: ApiContext | None = None

    def bind(self, context: ApiContext) -> None:
        self._context = context

    @property
    def context(self) -> ApiContext | None:
        """None until the server has one."""
        return self._context

    @property
    def model(self) -> Mapping[str, Any]:
        """AWS's service model of Step Functions."""
        from stepwell.api.service_model import MODEL

        return MODEL

    async def call(
        self, operation: str, region: str, members: Mapping[str, object], trace: str | None = None
    ) -> Mapping[str, Json]:
        """The answer of an operation to JSON values; times are seconds since 1970. `trace` is what the call is part of
        (see `stepwell.engine.trace`). Raises ServiceFault."""
        from stepwell.api.handlers import HANDLERS

        request_id = str(uuid.uuid4())
        handle = HANDLERS.get(operation)
        if self._context is None or handle is None:
            raise ServiceFault("ServiceUnavailable", f"The operation {operation} is not served", 503, request_id)
        try:
            checked = _compiled(operation)(cast("Json", dict(members)))
            headers = {} if trace is None else headers_of(trace)
            traced = (headers.get("traceparent"), headers.get("tracestate"), None)
            return await handle(Request(self._context, region, checked, trace=traced))
        except ApiFault as fault:
            raise ServiceFault(fault.shape, fault.message, fault.status, request_id) from fault
        except CannotSeal as refused:
            message = cannot_seal(str(refused)).message
            raise ServiceFault("ValidationException", message, 400, request_id) from refused
        except Stopping:
            raise ServiceFault("ServiceUnavailable", "The server is shutting down", 503, request_id) from None
        except Exception:
            _log.exception("request %s: %s failed", request_id, operation)
            message = f"The request failed inside the server; its log tells more under the request id {request_id}"
            raise ServiceFault("InternalFailure", message, 500, request_id) from None


@cache
def _compiled(operation: str) -> Callable[[Json], dict[str, Json]]:
    from stepwell.api.validation import compile_operation

    return compile_operation(operation)
