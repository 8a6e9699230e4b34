"""What kind of request it is, told from its head: what it asks of the server decides when it is refused.

| kind | which | refused |
| --- | --- | --- |
| `OPEN` | `/health`, `/ready`, `/metrics` | never |
| `NEW` | StartExecution, RedriveExecution, TestState, `POST /jobs/…`, Invoke of an Event | first |
| `NEW_HELD` | what is answered at its end: StartSyncExecution, Invoke, posts to an app's own routes | first |
| `HELD` | what waits for something to happen: GetActivityTask, `Prefer: wait`, streams | when too many wait |
| `PLAIN` | all else: what settles, stops, reads, configures | last |

Rules that must stay true here:
- An operation that ends work, or tells how it stands, is never refused before one that brings more.
- A path that nobody has named is an app's: nobody knows how long it takes, so it counts as one that waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.types import Scope

OPEN: Final = 0
NEW: Final = 1
NEW_HELD: Final = 2
HELD: Final = 3
PLAIN: Final = 4

_SFN: Final = b"AWSStepFunctions."
_TARGETS: Final = {
    _SFN + b"StartExecution": NEW,
    _SFN + b"RedriveExecution": NEW,
    _SFN + b"TestState": NEW,
    _SFN + b"StartSyncExecution": NEW_HELD,
    _SFN + b"GetActivityTask": HELD,
}
_PATHS: Final = {"health": OPEN, "ready": OPEN, "metrics": OPEN}
_OURS: Final = frozenset(
    {"express", "workers", "notifications", "schedules", "schedule-groups", "tags", "console", "admin"}
)
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})


def kind_of(scope: Scope, target: bytes, waits: bool) -> int:
    """The kind of an HTTP request. `target` is its `X-Amz-Target`; `waits` whether it prefers to wait."""
    path: str = scope["path"]
    if path == "/" and target:
        return HELD if waits else _TARGETS.get(target, PLAIN)
    first, _, rest = path[1:].partition("/")
    if first in _PATHS and not rest:
        return _PATHS[first]
    reads = scope["method"] in _READING
    if first == "jobs":
        if reads:
            return HELD if waits or rest.endswith("/events") else PLAIN
        return NEW
    if first == "2015-03-31":
        return PLAIN if reads else _invocation(scope)
    if first in _OURS:
        return PLAIN
    return HELD if reads else NEW_HELD


def _invocation(scope: Scope) -> int:
    event = any(name == b"x-amz-invocation-type" and value == b"Event" for name, value in scope["headers"])
    return NEW if event else NEW_HELD
