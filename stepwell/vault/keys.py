"""Keys: what values are sealed with.

Rules that must stay true here:
- The newest key seals; older ones only open what they have sealed.
- A key's id says nothing about the key, and no text made here holds one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from stepwell.vault.errors import VaultUnavailable

KEY_BYTES: Final = 32
ID_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Key:
    """`seal` is for AES-256-GCM, `digest` for keyed hashes; neither tells anything of the other."""

    id: bytes
    seal: bytes = field(repr=False)
    digest: bytes = field(repr=False)

    @classmethod
    def of(cls, material: bytes) -> Key:
        """The key that is made of 32 random bytes. Raises ValueError where there are more or fewer."""
        if len(material) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(material)}")
        id_ = _derived(material, b"id")[:ID_BYTES]
        return cls(id_, _derived(material, b"seal"), _derived(material, b"digest"))


def _derived(material: bytes, purpose: bytes) -> bytes:
    return hmac.new(material, b"stepwell vault, " + purpose, hashlib.sha256).digest()


class Keys:
    """Keys, the newest first."""

    def __init__(self, keys: Sequence[Key]) -> None:
        """Raises ValueError where there is none."""
        if not keys:
            raise ValueError("there is no key")
        self.newest = keys[0]
        self._by_id = {key.id: key for key in keys}

    def find(self, id: bytes) -> Key | None:
        return self._by_id.get(id)


class KeySource(Protocol):
    """Where keys come from."""

    async def load(self) -> Keys:
        """The keys; a source that makes its own makes the first one now. Raises VaultUnavailable."""
        ...


class EphemeralKeys:
    """A key that is gone with the process: for a store that is gone with it too."""

    async def load(self) -> Keys:
        return Keys([Key.of(secrets.token_bytes(KEY_BYTES))])


def read_keys(texts: Sequence[str], source: str) -> Keys:
    """Keys from their texts (32 bytes as Base64, in either alphabet), the newest first.

    `source` names in errors where they come from; the texts never stand there. Raises VaultUnavailable.
    """
    keys: list[Key] = []
    for place, text in enumerate(texts, 1):
        try:
            padded = text.strip().replace("-", "+").replace("_", "/").rstrip("=")
            keys.append(Key.of(base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True)))
        except (binascii.Error, ValueError):
            raise VaultUnavailable(
                f"{source}: key {place} is not {KEY_BYTES} bytes in Base64. Make one with: openssl rand -base64 32"
            ) from None
    if not keys:
        raise VaultUnavailable(f"{source}: there is no key. Make one with: openssl rand -base64 32")
    return Keys(keys)


class VariableKeys:
    """Keys from the text of an environment variable, separated by commas, the newest first."""

    def __init__(self, variable: str, text: str) -> None:
        self._variable = variable
        self._text = text

    async def load(self) -> Keys:
        return read_keys([part for part in self._text.split(",") if part.strip()], self._variable)
