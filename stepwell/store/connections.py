"""What the house asks of a store for connections: how requests of state machines to others are authorised.

Rules that must stay true here:
- What is secret comes sealed, as a box; the rest may be shown to whoever may see connections.
- A name is there once in a place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class ConnectionRow(Struct, frozen=True, kw_only=True):
    """`place` is the beginning of the ARN, up to the name. `kind` is the type of authorization; `shown` is a JSON text
    with nothing secret in it, and `box` all of it, sealed. `version` is another one after every change. Times are
    milliseconds since 1970."""

    place: str
    name: str
    arn: str
    kind: str
    description: str | None
    shown: str
    box: bytes
    version: str
    created: int
    modified: int


class ConnectionStore(Protocol):
    """The connections of a store."""

    async def add(self, row: ConnectionRow) -> bool:
        """False where the name is taken."""
        ...

    async def find(self, place: str, name: str) -> ConnectionRow | None: ...

    async def replace(self, row: ConnectionRow, version: str) -> bool:
        """Put a row in the place of the one of its name, if that still has a version. False where it has not."""
        ...

    async def remove(self, place: str, name: str) -> bool: ...

    async def listed(self, place: str, prefix: str, after: str, limit: int) -> Sequence[ConnectionRow]:
        """Those whose names begin with a prefix, by name, from the first behind `after` on."""
        ...
