"""The AWS JSON 1.1 endpoint of CloudWatch Logs: `POST /` with `X-Amz-Target: Logs_20140328.<Operation>`.

Rules that must stay true here:
- Every answer is JSON in AWS's shape with an `x-amzn-RequestId`; no client ever sees what went wrong inside.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from typing import Final

import orjson
from starlette.types import Receive, Scope, Send

from stepwell.api.endpoint import ClientGone, read_body
from stepwell.api.faults import ApiFault, unknown_operation
from stepwell.api.logs.operations import Operation
from stepwell.store.protocol import StoreError

TARGET: Final = b"Logs_20140328"
"""What an operation's target begins with, before the dot."""

_log = logging.getLogger("stepwell.api")
_CONTENT_TYPE: Final = b"application/x-amz-json-1.1"
_MAX_BODY: Final = 1024 * 1024


class LogsEndpoint:
    """Whoever calls it has checked path, method, host and the beginning of the target."""

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        self._operations = operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = str(uuid.uuid4())
        headers = dict(scope["headers"])
        target = headers.get(b"x-amz-target", b"").decode("latin-1")
        try:
            if headers.get(b"content-type", b"").split(b";")[0].strip() != _CONTENT_TYPE:
                kind = _CONTENT_TYPE.decode()
                raise ApiFault("UnsupportedMediaTypeException", f"The Content-Type must be {kind}", 415)
            operation = self._operations.get(target.partition(".")[2])
            if operation is None:
                known = ", ".join(self._operations)
                raise unknown_operation(f"{target} is not served: of CloudWatch Logs there are {known}")
            body = await read_body(receive, headers.get(b"content-length", b""), _MAX_BODY)
            status, answer = 200, await operation(body)
        except ApiFault as fault:
            status, answer = fault.status, {"__type": fault.shape, "message": fault.message}
        except ClientGone:
            return
        except StoreError as error:
            _log.error("request %s: %s refused: %s", request_id, target, error)
            status, answer = 503, {"__type": "ServiceUnavailableException", "message": "The store cannot be read."}
        except Exception:
            _log.exception("request %s: %s failed", request_id, target)
            said = f"The request failed inside the server; its log tells more under the request id {request_id}"
            status, answer = 500, {"__type": "InternalFailure", "message": said}
        payload = orjson.dumps(answer)
        sent = [
            (b"x-amzn-requestid", request_id.encode()),
            (b"content-type", _CONTENT_TYPE),
            (b"content-length", b"%d" % len(payload)),
        ]
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send({"type": "http.response.body", "body": payload})
