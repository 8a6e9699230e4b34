"""Calls of functions of AWS itself, through botocore, which is imported when the first is made.

Rules that must stay true here:
- A call is made once an attempt: what is repeated is said by the state machine.
- A call that is not waited for any more is left behind; AWS itself would finish it as well.
- A trace goes in the header that AWS X-Ray takes it from.
- The endpoint is the user's for AWS Lambda (AWS_ENDPOINT_URL_LAMBDA), but never this very server.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import partial
from threading import Lock
from typing import Any

import orjson

from stepwell.tasks.aws.tracing import handed_on, hands_on
from stepwell.tasks.call_log import unframed
from stepwell.tasks.invocation import UNKNOWN, Answer, CallRefused, Invocation, error_type, not_started
from stepwell.tasks.kinds.remote_lambda import RemoteLambda
from stepwell.tasks.separate_calls import Write
from stepwell.tasks.threads import Threads

_CONNECT_SECONDS = 10


class AwsLambda:
    """The clients of AWS Lambda, one a region. `endpoint` is the user's own, or None. `made_up` says that the
    credentials in the environment are not the user's: AWS itself is never called with them."""

    most = 64
    """Calls at once in a region."""

    def __init__(self, endpoint: str | None = None, made_up: bool = False) -> None:
        self.endpoint = endpoint
        self.made_up = made_up
        self._lock = Lock()
        self._clients: dict[str, Any] = {}

    def client(self, region: str) -> Any:
        """Blocks; of any thread. Raises ImportError where there is no botocore."""
        from botocore.config import Config
        from botocore.session import Session

        with self._lock:
            found = self._clients.get(region)
            if found is None:
                session = Session()
                if self.made_up and self.endpoint is None:
                    session.get_component("credential_provider").remove("env")
                found = self._clients[region] = session.create_client(
                    "lambda",
                    region_name=region,
                    endpoint_url=self.endpoint or f"https://lambda.{region}.{_suffix(region)}",
                    config=Config(
                        retries={"total_max_attempts": 1},
                        connect_timeout=_CONNECT_SECONDS,
                        read_timeout=905,  # a function's 15 minutes; the call's own timeout is shorter
                        max_pool_connections=self.most,
                    ),
                )
                hands_on(found)
            return found


class RemoteCalls:
    """The `Carrier` of a function of AWS; `most` calls run at once."""

    def __init__(self, function: RemoteLambda, aws: AwsLambda, most: int) -> None:
        self._function = function
        self._aws = aws
        self._threads = Threads(most)

    async def __call__(self, call: Invocation, write: Write) -> Answer:
        answer, log = await self._threads.run(partial(self._invoke, call))
        write(unframed(log))
        return answer

    def _invoke(self, call: Invocation) -> tuple[Answer, bytes]:
        """The answer and the end of the log. Blocks. Raises CallRefused."""
        arguments: dict[str, object] = {"FunctionName": self._function.arn, "Payload": call.event, "LogType": "Tail"}
        if call.client_context is not None:
            arguments["ClientContext"] = base64.b64encode(call.client_context.encode()).decode()
        try:
            client = self._aws.client(self._function.region)
        except ImportError:
            reason = "AWS Lambda is called through boto3, which is not installed: install stepwell[aws]."
            return not_started(call.request_id, reason), b""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            with handed_on(call.trace):
                answer = client.invoke(**arguments)
            payload = answer["Payload"].read()
        except ClientError as refused:
            raise _refusal(refused.response, call.request_id) from refused
        except BotoCoreError as error:
            return not_started(call.request_id, str(error)), b""
        text = payload.decode("utf-8", "replace") or "null"
        log = base64.b64decode(answer.get("LogResult", ""))
        if "FunctionError" not in answer:
            return Answer(text), log
        return Answer(text, _error(payload)), log


def _refusal(response: Mapping[str, Any], request_id: str) -> CallRefused:
    error, about = response.get("Error", {}), response.get("ResponseMetadata", {})
    return CallRefused(
        str(error.get("Code", "ServiceException")),
        str(error.get("Message", "")),
        int(about.get("HTTPStatusCode", 500)),
        str(about.get("RequestId") or request_id),
    )


def _error(payload: bytes) -> str:
    try:
        return error_type(orjson.loads(payload)) or UNKNOWN
    except orjson.JSONDecodeError:
        return UNKNOWN


def _suffix(region: str) -> str:
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
