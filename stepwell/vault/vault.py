"""The vault's door: keys are fetched when the first value is to be sealed or opened, once.

Rules that must stay true here:
- Who marks nothing needs no key, no key file and no package.
- What cannot be had is told with the way out, and asked for again the next time.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from stepwell.vault.errors import VaultUnavailable
from stepwell.vault.keys import EphemeralKeys, KeySource

if TYPE_CHECKING:
    from stepwell.vault.cipher import Cipher


class Vault:
    """Seals and opens, by the keys of a source."""

    def __init__(self, source: KeySource | None = None) -> None:
        """Without a source the key is one that ends with the process."""
        self._source = source or EphemeralKeys()
        self._cipher: Cipher | None = None
        self._lock = asyncio.Lock()

    async def cipher(self) -> Cipher:
        """What seals and opens. Raises VaultUnavailable."""
        if self._cipher is None:
            async with self._lock:
                if self._cipher is None:
                    self._cipher = await self._load()
        return self._cipher

    async def _load(self) -> Cipher:
        try:
            from stepwell.vault.cipher import Cipher
        except ModuleNotFoundError as error:
            if error.name is None or not error.name.startswith("cryptography"):
                raise
            raise VaultUnavailable(
                "Sealing values needs the package cryptography, which is not installed. Run: pip install"
                " 'stepwell[vault]'"
            ) from error
        return Cipher(await self._source.load())
