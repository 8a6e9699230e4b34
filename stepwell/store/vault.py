"""What the house asks of a store for the vault: sealed values, who may open them, and keys that are wrapped by another.

Rules that must stay true here:
- A value comes with the commit of the start that it was taken out of, and goes with the last execution that may open
  it.
- What is destroyed is overwritten in the file, not only let go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from msgspec import Struct, field

DESTROY: Final = 0
"""`VaultChange.until` of an execution that needs its values no more."""


class SealedValue(Struct, frozen=True, kw_only=True):
    """A value behind a reference. `since` and `ends` are by the execution's clock, `lifetime` is in milliseconds."""

    id: str
    path: str
    since: int
    box: bytes
    ends: int | None = None
    refresher: str | None = None
    lifetime: int | None = None


class VaultChange(Struct, frozen=True, kw_only=True):
    """What a turn does to the vault: its execution may open the values of a brand until a time by the real clock.

    None stands for an end that is not known yet, DESTROY for now. `values` are new ones of the brand; `digest` is the
    keyed hash of the input that they were taken out of.
    """

    brand: str
    until: int | None = None
    values: Sequence[SealedValue] = field(default=())
    digest: bytes | None = None


class VaultStore(Protocol):
    """The part of a store that the vault is kept in. What a turn changes comes with its record (`TurnRecord.vault`)."""

    async def is_used(self) -> bool:
        """Whether there is any execution that may open values."""
        ...

    async def brand(self, execution: int) -> str | None:
        """The brand whose values an execution may open."""
        ...

    async def digest(self, execution: int) -> bytes | None: ...

    async def values(self, brand: str) -> Sequence[SealedValue]: ...

    async def replace(self, brand: str, value: SealedValue) -> bool:
        """Put a value in place of the one with its id. False where that is gone."""
        ...

    async def destroy_due(self, now: int, limit: int) -> int:
        """Destroy what may be opened no longer, for at most `limit` executions; for how many that was."""
        ...

    async def wrapped_keys(self) -> Sequence[bytes]:
        """The newest first."""
        ...

    async def add_wrapped_key(self, wrapped: bytes) -> None: ...
