"""Leases: which calls of functions remote workers are carrying out.

Rules that must stay true here:
- A lease is told by a digest of its token: whoever reads the database cannot answer for a worker.
- A lease survives the server: the worker that holds it goes on, and its answer is taken by the next server.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class LeaseRow(Struct, frozen=True):
    """A call that a worker has taken. `call` is the call's own name, the same each time that the same attempt of a task
    is carried out; `token` is the digest of the token that the worker holds; `taken` is in milliseconds since 1970."""

    call: bytes
    token: bytes
    function: str
    worker: str | None
    taken: int


class Leases(Protocol):
    """The leases of a store."""

    async def keep(self, row: LeaseRow) -> None:
        """Store a lease, in the place of another of the same call. Raises StoreError."""
        ...

    async def drop(self, calls: Sequence[bytes]) -> None:
        """Remove the leases of calls; one that is not there is passed over."""
        ...

    async def all(self) -> Sequence[LeaseRow]: ...
