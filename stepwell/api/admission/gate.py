"""The door of the server: lets a request in, or refuses it with what its client takes as "try again later".

Rules that must stay true here:
- It stands in front of everything that costs: the question who is calling, the body, the operation.
- Health, readiness and metrics are always answered.
- New work is refused first, so that what is under way can be settled, stopped and looked at.
- What is counted when a request comes in is taken back when it ends, however it ends.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from stepwell.api.admission.kinds import HELD, NEW_HELD, OPEN, kind_of
from stepwell.api.admission.limits import Limits
from stepwell.api.admission.load import Load
from stepwell.api.admission.refusals import refuse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

REASONS: Final = ("overload", "requests", "waiting", "memory", "quota")
"""Why requests are not let in."""

_HELD: Final = (HELD, NEW_HELD)
_MEGABYTE: Final = 1024 * 1024
_LARGEST: Final = 6 * _MEGABYTE  # bytes that any body may have; one that does not tell its length counts as much


class Gate:
    """Counts what is under way, and says who may come in."""

    def __init__(self, limits: Limits, load: Load) -> None:
        self.load = load
        self.working = 0
        """Requests that are being worked on."""
        self.waiting = 0
        """Requests that wait for something to happen."""
        self.bytes = 0
        """What the bodies of both take, by what their heads say."""
        self.refused: Counter[str] = Counter()
        """Requests that were not let in, by the reason (one of `REASONS`)."""
        self._max_working = limits.max_requests
        self._max_waiting = limits.max_waiting
        self._max_bytes = round(limits.max_request_megabytes * _MEGABYTE)

    def why_not(self, kind: int, size: int) -> str | None:
        """Why a request with a body of that size is not let in; None where it is."""
        if self.bytes + size > self._max_bytes:
            return "memory"
        if kind in _HELD:
            if self.waiting >= self._max_waiting:
                return "waiting"
        elif self.working >= self._max_working:
            return "requests"
        if kind <= NEW_HELD and not self.load.takes():
            return "overload"
        return None

    def count_throttled(self) -> None:
        """A request was refused behind the door, as AWS's quotas have it."""
        self.refused["quota"] += 1

    def guarding(self, app: ASGIApp) -> ASGIApp:
        """An application that is asked only what is let in."""

        async def door(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            target, size, waits = b"", 0, False
            for name, value in scope["headers"]:
                if name == b"x-amz-target":
                    target = value
                elif name == b"content-length":
                    size = min(int(value), _LARGEST) if len(value) < 12 and value.isdigit() else _LARGEST
                elif name == b"prefer":
                    waits = True
                elif name == b"transfer-encoding":
                    size = _LARGEST
            kind = kind_of(scope, target, waits)
            if kind == OPEN:
                await app(scope, receive, send)
                return
            self.load.watch()
            reason = self.why_not(kind, size)
            if reason is not None:
                self.refused[reason] += 1
                await refuse(scope, send, target)
                return
            held = kind in _HELD
            self.bytes += size
            if held:
                self.waiting += 1
            else:
                self.working += 1
            try:
                await app(scope, receive, send)
            finally:
                self.bytes -= size
                if held:
                    self.waiting -= 1
                else:
                    self.working -= 1

        return door
