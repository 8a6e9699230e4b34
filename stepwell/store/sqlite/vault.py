"""The vault's part of the store: reads by a reader, small writes by the writer.

Rules that must stay true here:
- What a turn does to the vault is written in the turn's own transaction (`turns`), not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from stepwell.store.sqlite import vault_sql
from stepwell.store.sqlite.reader import Reader
from stepwell.store.sqlite.writer import Writer
from stepwell.store.vault import SealedValue


class SqliteVault:
    """See `VaultStore`."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer

    async def is_used(self) -> bool:
        return await self._reader.read(vault_sql.is_used)

    async def brand(self, execution: int) -> str | None:
        return await self._reader.read(partial(vault_sql.brand_of, execution=execution))

    async def digest(self, execution: int) -> bytes | None:
        return await self._reader.read(partial(vault_sql.digest, execution=execution))

    async def values(self, brand: str) -> Sequence[SealedValue]:
        return await self._reader.read(partial(vault_sql.values, brand=brand))

    async def replace(self, brand: str, value: SealedValue) -> bool:
        return await self._writer.write(partial(vault_sql.replace, brand=brand, value=value))

    async def destroy_due(self, now: int, limit: int) -> int:
        return await self._writer.write(partial(vault_sql.destroy_due, now=now, limit=limit))

    async def wrapped_keys(self) -> Sequence[bytes]:
        return await self._reader.read(vault_sql.wrapped_keys)

    async def add_wrapped_key(self, wrapped: bytes) -> None:
        await self._writer.write(partial(vault_sql.add_wrapped_key, wrapped=wrapped))
