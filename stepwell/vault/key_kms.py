"""Keys that AWS KMS wraps: a data key seals, and only its wrapped form is stored.

Rules that must stay true here:
- A data key is in memory only. KMS is asked for one when none is stored, and when those stored are of another key.
- Every stored data key is opened, whichever key of KMS has wrapped it: old values go on to open.
"""

from __future__ import annotations

import asyncio
import base64
from typing import Any, Final

from stepwell.language.values import dumps, loads
from stepwell.store.vault import VaultStore
from stepwell.vault.errors import VaultUnavailable
from stepwell.vault.keys import KEY_BYTES, Key, Keys

_CONTEXT: Final = {"stepwell": "vault"}  # what KMS binds a data key to, and shows in its log


class KmsKeys:
    """`key` is an id, an ARN or an alias (`alias/NAME`) of a key of KMS."""

    def __init__(self, key: str, region: str, store: VaultStore) -> None:
        self._key = key
        self._region = region
        self._store = store

    async def load(self) -> Keys:
        client = await asyncio.to_thread(self._client)
        keys: list[Key] = []
        stored = [_read(wrapped) for wrapped in await self._store.wrapped_keys()]
        for _, blob in stored:
            answer = await self._ask(client.decrypt, CiphertextBlob=blob, EncryptionContext=_CONTEXT)
            keys.append(Key.of(answer["Plaintext"]))
        if not stored or stored[0][0] != self._key:
            answer = await self._ask(
                client.generate_data_key, KeyId=self._key, NumberOfBytes=KEY_BYTES, EncryptionContext=_CONTEXT
            )
            await self._store.add_wrapped_key(_written(self._key, answer["CiphertextBlob"]))
            keys.insert(0, Key.of(answer["Plaintext"]))
        return Keys(keys)

    def _client(self) -> Any:
        try:
            import boto3
        except ModuleNotFoundError as error:
            raise VaultUnavailable(
                "Keys of AWS KMS need the package boto3, which is not installed. Run: pip install 'stepwell[aws,vault]'"
            ) from error
        return boto3.client("kms", region_name=self._region)

    async def _ask(self, operation: Any, **members: object) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = await asyncio.to_thread(operation, **members)
        except (BotoCoreError, ClientError) as error:
            raise VaultUnavailable(
                f"AWS KMS gives no key for the vault: {error} The server needs kms:GenerateDataKey and kms:Decrypt for"
                f" {self._key}."
            ) from error
        return answer


def _written(key: str, blob: bytes) -> bytes:
    return dumps({"key": key, "blob": base64.b64encode(blob).decode()}).encode()


def _read(wrapped: bytes) -> tuple[str, bytes]:
    """The name of the key that has wrapped a data key, and what KMS made of it."""
    found = loads(wrapped)
    assert isinstance(found, dict)
    return str(found["key"]), base64.b64decode(str(found["blob"]))
