"""The context object that a handler gets, as AWS Lambda's Python runtime gives it.

Rules that must stay true here:
- A handler written for AWS Lambda finds every attribute that it finds there.
- `idempotency_key`, `traceparent`, `tracestate` and `progress` are ours; portable code reads them with
  `getattr(context, …, None)`.
- A handler that tells its progress in a loop does not flood the server: what comes too fast is dropped.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_REPORTS_AT_ONCE = 20
_REPORTS_A_SECOND = 20


@dataclass(frozen=True)
class Client:
    """The calling app (mobile SDKs send it)."""

    installation_id: str | None = None
    app_title: str | None = None
    app_version_name: str | None = None
    app_version_code: str | None = None
    app_package_name: str | None = None


@dataclass(frozen=True)
class ClientContext:
    """What Invoke's ClientContext holds."""

    custom: object = None
    env: object = None
    client: Client | None = None


@dataclass(frozen=True)
class CognitoIdentity:
    """Who calls, where an Amazon Cognito identity does; both None for a workflow."""

    cognito_identity_id: str | None = None
    cognito_identity_pool_id: str | None = None


class LambdaContext:
    """See the AWS Lambda developer guide, "Using the Lambda context object to retrieve Python function information"."""

    def __init__(
        self,
        *,
        aws_request_id: str,
        invoked_function_arn: str,
        timeout: float,
        idempotency_key: str | None,
        client_context: str | None,
        trace: Mapping[str, str] | None = None,
        report: Callable[[float, str | None], None] | None = None,
    ) -> None:
        self.aws_request_id = aws_request_id
        self.invoked_function_arn = invoked_function_arn
        self.idempotency_key = idempotency_key
        self.traceparent = (trace or {}).get("TRACEPARENT")
        self.tracestate = (trace or {}).get("TRACESTATE")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.client_context = _client_context(client_context)
        self.identity = CognitoIdentity()
        self._deadline = time.monotonic() + timeout
        self._report = report
        self._reports_left = float(_REPORTS_AT_ONCE)
        self._reported_at = 0.0

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function times out, never below 0."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))

    def progress(self, fraction: float, message: str | None = None) -> None:
        """Tell how far the work is, from 0 to 1, and what is being done. Who waits for the job sees it.

        Raises ValueError where `fraction` is not within 0 and 1.
        """
        if not 0 <= fraction <= 1:
            raise ValueError(f"progress {fraction!r} is not within 0 and 1")
        now = time.monotonic()
        gained = (now - self._reported_at) * _REPORTS_A_SECOND
        self._reports_left = min(_REPORTS_AT_ONCE, self._reports_left + gained)
        self._reported_at = now
        if self._report is not None and self._reports_left >= 1:
            self._reports_left -= 1
            self._report(float(fraction), message)


def _client_context(text: str | None) -> ClientContext | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    client = value.get("client")
    known = {key: client.get(key) for key in Client.__dataclass_fields__} if isinstance(client, dict) else None
    return ClientContext(value.get("custom"), value.get("env"), None if known is None else Client(**known))
