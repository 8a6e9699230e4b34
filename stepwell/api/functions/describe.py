"""ListFunctions, GetFunction, GetFunctionConfiguration: what a client of AWS Lambda is told of a function.

Rules that must stay true here:
- What a function has here has the member that it has on AWS; what it has not (code in an archive, layers) is left out.
- A function is as old as the server that serves it.
"""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Mapping
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from stepwell.api.arns import partition_of
from stepwell.api.context import ApiContext
from stepwell.api.functions.invoke import named
from stepwell.api.functions.wire import answer, invalid, not_found
from stepwell.api.whole import whole
from stepwell.language.values import Json
from stepwell.tasks.function import Function
from stepwell.tasks.function_environment import memory_size
from stepwell.tasks.invocation import LATEST
from stepwell.tasks.lambda_service import FunctionNotFound, LambdaService

_PAGE: Final = 50  # functions (API reference, ListFunctions)


class Descriptions:
    """The functions of a server as AWS describes functions."""

    def __init__(self, functions: LambdaService, context: ApiContext) -> None:
        self._functions = functions
        self._role = f"arn:{partition_of(context.region)}:iam::{context.account}:role/stepwell"
        self._since = time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime(context.now() // 1000))

    async def list(self, request: Request) -> Response:
        """In order of their names; `Marker` is the last name of the page before."""
        marker = request.query_params.get("Marker", "")
        size = _page_size(request.query_params.get("MaxItems"))
        found = sorted((function for function in self._functions.functions), key=lambda function: function.name)
        left = [function for function in found if function.name > marker]
        listed: list[Json] = [dict(self._described(function.name, None)) for function in left[:size]]
        body: dict[str, Json] = {"Functions": listed}
        if len(left) > size:
            body["NextMarker"] = left[size - 1].name
        return answer(orjson.dumps(body))

    async def get(self, request: Request) -> Response:
        configuration = self._asked(request)
        function, _, _ = self._functions.resolve(named(request))
        body: dict[str, Json] = {
            "Configuration": dict(configuration),
            "Code": {},
            # On AWS every function has a memory; what is declared here, costs are told by.
            "Tags": {} if function.memory is None else {"stepwell:memory": str(function.memory)},
            "Concurrency": {"ReservedConcurrentExecutions": function.most_at_once},
        }
        return answer(orjson.dumps(body))

    async def get_configuration(self, request: Request) -> Response:
        return answer(orjson.dumps(self._asked(request)))

    def _asked(self, request: Request) -> Mapping[str, Json]:
        """Raises LambdaFault."""
        try:
            return self._described(named(request), request.query_params.get("Qualifier"))
        except FunctionNotFound as missing:
            raise not_found(missing.arn.removesuffix(f":{LATEST}")) from missing

    def _described(self, name: str, qualifier: str | None) -> Mapping[str, Json]:
        function, arn, version = self._functions.resolve(name, qualifier)
        return {
            "FunctionName": function.name,
            "FunctionArn": arn,
            "Role": self._role,
            "CodeSize": 0,
            "Description": "",
            "Timeout": math.ceil(function.timeout),
            "MemorySize": memory_size(function),
            "LastModified": self._since,
            "Version": version,
            "TracingConfig": {"Mode": "PassThrough"},
            "State": "Active",
            "LastUpdateStatus": "Successful",
            **function.code.configuration(),
            "Architectures": ["arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"],
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{function.name}"},
            **_environment(function),
        }


def _environment(function: Function) -> Mapping[str, Json]:
    if not function.environment:
        return {}
    return {"Environment": {"Variables": dict(function.environment)}}


def _page_size(given: str | None) -> int:
    if given is None:
        return _PAGE
    size = whole(given)
    if size is None or not 1 <= size <= 10_000:
        raise invalid(given, "maxItems", "Member must have a value between 1 and 10000")
    return min(size, _PAGE)
