"""Where AWS Lambda's clients, and `stepwell logs`, find the functions of a server.

Rules that must stay true here:
- What Lambda's API has and this server has not is answered in the API's own form, and says what there is.
"""

from __future__ import annotations

from typing import Final, Never

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stepwell.api.context import ApiContext
from stepwell.api.functions.describe import Descriptions
from stepwell.api.functions.invoke import invoke
from stepwell.api.functions.logs import FunctionLogs
from stepwell.api.functions.wire import Handler, LambdaFault, answering
from stepwell.tasks.lambda_service import LambdaService

_ROOT: Final = "/2015-03-31/functions"
_VERSIONS: Final = (
    *("2014-11-13", "2015-03-31", "2016-08-19", "2017-03-31", "2017-10-31", "2018-10-31", "2019-09-25", "2019-09-30"),
    *("2020-04-22", "2020-06-30", "2021-07-20", "2021-10-31", "2021-11-15", "2024-08-31", "2025-11-30", "2025-12-01"),
)
"""What paths of Lambda's API begin with, each the date of the operations below it."""
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


def function_routes(functions: LambdaService, context: ApiContext) -> list[Route]:
    """The routes of a server, for `create_app`."""
    descriptions = Descriptions(functions, context)

    async def call(request: Request) -> Response:
        return await invoke(functions, request)

    def route(path: str, method: str, handle: Handler) -> Route:
        return Route(path, answering(context, handle), methods=[method])

    return [
        route(f"{_ROOT}/{{name}}/invocations", "POST", call),
        route(_ROOT, "GET", descriptions.list),
        route(f"{_ROOT}/", "GET", descriptions.list),
        route(f"{_ROOT}/{{name}}", "GET", descriptions.get),
        route(f"{_ROOT}/{{name}}/configuration", "GET", descriptions.get_configuration),
        *(Route(f"/{date}/{{rest:path}}", answering(context, _not_served), methods=_METHODS) for date in _VERSIONS),
        Route("/logs", FunctionLogs(functions.logs, context).read, methods=["GET"]),
    ]


async def _not_served(request: Request) -> Never:
    raise LambdaFault(
        "UnknownOperationException",
        f"{request.method} {request.url.path} is not served: of AWS Lambda's API there are Invoke, ListFunctions, "
        "GetFunction and GetFunctionConfiguration",
        404,
    )
