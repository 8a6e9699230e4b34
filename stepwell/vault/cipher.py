"""Sealing and opening: AES-256-GCM, and keyed hashes.

Rules that must stay true here:
- A value is sealed for what it is about (`about`), and opens for that only: a box that is moved is of no use.
- A box names its key, so old boxes open after a rotation as long as their key is there.
- No error holds a value, a part of one, or a key.
"""

from __future__ import annotations

import hmac
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stepwell.vault.errors import CannotOpen
from stepwell.vault.keys import ID_BYTES, Key, Keys

_FORM: Final = b"\x01"  # the first byte of a box: how the rest is to be read
_NONCE_BYTES: Final = 12
_HEAD: Final = len(_FORM) + ID_BYTES


class Cipher:
    """Seals with the newest of the keys, opens with any."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def seal(self, clear: str, about: str) -> bytes:
        """The box of a text. `about` names what the text is a part of; opening needs the same."""
        key, nonce = self._keys.newest, os.urandom(_NONCE_BYTES)
        head = _FORM + key.id
        return head + nonce + AESGCM(key.seal).encrypt(nonce, clear.encode(), head + about.encode())

    def open(self, box: bytes, about: str) -> str:
        """The text in a box. Raises CannotOpen."""
        head, nonce, sealed = box[:_HEAD], box[_HEAD : _HEAD + _NONCE_BYTES], box[_HEAD + _NONCE_BYTES :]
        try:
            clear = AESGCM(self._key_of(head).seal).decrypt(nonce, sealed, head + about.encode())
        except (InvalidTag, ValueError):
            raise CannotOpen("A sealed value is damaged, or was sealed for something else.") from None
        return clear.decode()

    def is_newest(self, box: bytes) -> bool:
        """Whether the box was sealed with the newest key."""
        return box[:_HEAD] == _FORM + self._keys.newest.id

    def digest(self, text: str) -> bytes:
        """A keyed hash, by which a text is recognised (`is_digest_of`) and not found out."""
        key = self._keys.newest
        return _FORM + key.id + hmac.digest(key.digest, text.encode(), "sha256")

    def is_digest_of(self, digest: bytes, text: str) -> bool:
        """Whether the text is the one of the digest. Raises CannotOpen where the digest's key is not there."""
        key = self._key_of(digest[:_HEAD])
        return hmac.compare_digest(digest[_HEAD:], hmac.digest(key.digest, text.encode(), "sha256"))

    def _key_of(self, head: bytes) -> Key:
        key = self._keys.find(head[len(_FORM) :])
        if head[: len(_FORM)] != _FORM:
            raise CannotOpen("A sealed value is of a form that this Stepwell does not know.")
        if key is None:
            raise CannotOpen(
                f"A value was sealed with the key {head[len(_FORM) :].hex()}, which is not among the vault's keys. Add"
                " that key behind the newest one."
            )
        return key
