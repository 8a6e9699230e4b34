"""A request that has passed the check of its shape, and the answer to it.

Rules that must stay true here:
- Members are read with the type that the service model gave them; a null is a member that is not there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from msgspec import Struct

from stepwell.api.context import ApiContext
from stepwell.language.values import Json

Answer: TypeAlias = dict[str, Json]

DEFAULT_PAGE = 100  # also what 0 stands for (API reference, `maxResults`)


class Request(Struct, frozen=True):
    """One call of an operation. `region` is that of the caller's signature.

    `test_case` is what stood behind `#` in a machine's ARN: the test case of the mocks. `disconnected` returns when the
    client has gone. `clock` is the header that asks for a clock; `wait` is how many seconds the client prefers to wait
    for an answer that says more (RFC 7240). `trace` are the headers `traceparent`, `tracestate` and
    `X-Amzn-Trace-Id`.
    """

    context: ApiContext
    region: str
    members: Mapping[str, Json]
    test_case: str | None = None
    disconnected: Callable[[], Awaitable[None]] | None = None
    clock: str | None = None
    wait: float = 0.0
    trace: tuple[str | None, str | None, str | None] = (None, None, None)

    def text(self, name: str) -> str:
        """A required string."""
        value = self.members[name]
        assert isinstance(value, str)
        return value

    def optional_text(self, name: str) -> str | None:
        value = self.members.get(name)
        assert value is None or isinstance(value, str)
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.members.get(name)
        return default if value is None else value is True

    def structure(self, name: str) -> dict[str, Json] | None:
        value = self.members.get(name)
        assert value is None or isinstance(value, dict)
        return value

    def items(self, name: str) -> list[Json]:
        """A list; empty where it is not there."""
        value = self.members.get(name)
        if value is None:
            return []
        assert isinstance(value, list)
        return value

    def page_size(self) -> int:
        """`maxResults`, or its default."""
        value = self.members.get("maxResults")
        return value if isinstance(value, int) and value > 0 else DEFAULT_PAGE


class Headed(dict[str, Json]):
    """An answer that has headers of its own, which clients inside of the server pass over."""

    headers: tuple[tuple[bytes, bytes], ...] = ()


Handler: TypeAlias = Callable[[Request], Awaitable[Answer]]


def seconds(milliseconds: int) -> float:
    """A time as the protocol writes it: seconds since 1970 with a fraction."""
    return milliseconds / 1000
