"""Which credential a request needs, told from its path: the map of the server's doors.

Rules that must stay true here:
- A path that nobody has named asks for a credential: a new route is guarded before anybody has thought of it.
- An app's own mounts guard themselves, unless the app asks for it.

| door | credential |
| --- | --- |
| `/health`, `/ready`, and nothing below | none |
| `/metrics` | either |
| `POST /`: the AWS APIs | SigV4 |
| `/2015-03-31`: AWS Lambda's API; `/schedules`, `/schedule-groups`, `/tags`: EventBridge Scheduler's | SigV4 |
| `/jobs` and below, but for the page that a token is typed into; the console, the admin's routes | bearer |
| an app's mount | what `app.mount(…, auth=…)` says |
| all else: `/logs`, `/express`, `/workers`, `/notifications`, `/metrics`, … | either |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Literal, TypeAlias

from msgspec import Struct
from starlette.types import Scope

Credential: TypeAlias = Literal["none", "sigv4", "bearer", "either"]


class Door(Struct, frozen=True):
    """`service` is the one that a signature has to be made for; None takes any."""

    credential: Credential
    service: str | None = None


OPEN: Final = Door("none")
EITHER: Final = Door("either")
BEARER: Final = Door("bearer")

_SERVICES: Final = {b"AWSStepFunctions": "states", b"AWSEvents": "events", b"Logs_20140328": "logs"}

_PREFIXES: Final[Mapping[str, Door]] = {
    "/metrics": EITHER,
    "/2015-03-31": Door("sigv4", "lambda"),
    "/schedules": Door("sigv4", "scheduler"),
    "/schedule-groups": Door("sigv4", "scheduler"),
    "/tags": Door("sigv4", "scheduler"),
    "/jobs": BEARER,
    "/console": BEARER,
    "/admin": BEARER,
    "/logs": EITHER,
    "/express": EITHER,
    "/workers": EITHER,
    "/notifications": EITHER,
}

_OPEN: Final = frozenset({"/health", "/ready", "/jobs/docs", "/jobs/docs.js", "/jobs/docs.css"})


def doors(mounts: Mapping[str, bool], routes: Iterable[str] = ()) -> Callable[[Scope, bytes], Door]:
    """What tells the door of a request with that `X-Amz-Target`.

    `mounts` are the paths that apps are mounted at, and whether the server is to ask for a bearer token there. `routes`
    are the paths of the server's own routes: no app is mounted over them, and one at the root does not open them.
    """
    named = frozenset(_first(route) for route in routes)
    apps = [
        (path, BEARER if guarded else OPEN)
        for path, guarded in sorted(mounts.items(), key=lambda mount: -len(mount[0]))
    ]

    def find(scope: Scope, target: bytes) -> Door:
        path: str = scope["path"]
        if path in _OPEN:
            return OPEN
        if path == "/" and scope.get("method") == "POST" and target:
            return Door("sigv4", _SERVICES.get(target.partition(b".")[0]))
        first = _first(path)
        if first in named and first in _PREFIXES:
            return _PREFIXES[first]
        for mount, door in apps:
            if (mount or first not in named) and (path == mount or path.startswith(mount + "/")):
                return door
        return _PREFIXES.get(first, EITHER)

    return find


def _first(path: str) -> str:
    """The first part of a path: `/jobs` of `/jobs/7/events`."""
    return "/" + path[1:].partition("/")[0]
