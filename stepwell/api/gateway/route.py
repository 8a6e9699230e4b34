"""An HTTP route of an app: what it looks like, and what it calls.

Rules that must stay true here:
- Only the standard library's light modules are imported: app modules import this, and worker processes import those.
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from msgspec import Struct

Payload: TypeAlias = Literal["1.0", "2.0"]
"""The form of the events and answers of functions: that of REST APIs, or that of HTTP APIs."""

_PARAMETER = re.compile(r"\{([^{}+]+)(\+?)\}")


class GatewayRoute(Struct, frozen=True, kw_only=True):
    """`path` is API Gateway's: `/orders/{id}`, `/{proxy+}`. `method` is in capitals, or ANY. One of `function` and
    `machine` (names) is called; `sync` waits for the end of an Express execution. `api` and `stage` are told to the
    function. `rest` says that the API is a REST API, whose stage is part of its paths."""

    method: str
    path: str
    function: str | None = None
    machine: str | None = None
    payload: Payload = "2.0"
    rest: bool = False
    sync: bool = False
    api: str = "api"
    stage: str = "$default"

    @property
    def key(self) -> str:
        """The route's key in an HTTP API: `GET /orders/{id}`."""
        return f"{self.method} {self.path}"

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the path's parameters, in order."""
        return tuple(found[1] for found in _PARAMETER.finditer(self.path))

    @property
    def pattern(self) -> str:
        """The path as Starlette matches it; its parameters are `p0`, `p1`, …, for API Gateway's may have any name."""
        order = iter(range(len(self.parameters)))
        return _PARAMETER.sub(lambda found: f"{{p{next(order)}{':path' if found[2] else ''}}}", self.path)

    @property
    def rank(self) -> tuple[int, int, int]:
        """The lower, the earlier it is tried: fixed paths before parameters before greedy ones, methods before ANY."""
        return int("+}" in self.path), len(self.parameters), int(self.method == "ANY")
