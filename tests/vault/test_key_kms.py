"""AWS KMS wraps the data keys: what is stored opens with it only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from stepwell.store.open import open_store
from stepwell.vault.errors import VaultUnavailable
from stepwell.vault.key_kms import KmsKeys
from stepwell.vault.vault import Vault

moto = pytest.importorskip("moto.server")


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A key of a KMS that really listens."""
    server = moto.ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    yield str(boto3.client("kms", region_name="us-east-1").create_key()["KeyMetadata"]["Arn"])
    server.stop()


async def test_a_data_key_is_stored_wrapped_and_opened_by_kms(key: str, tmp_path: Path) -> None:
    store = await open_store(str(tmp_path / "store.db"))
    box = (await Vault(KmsKeys(key, "us-east-1", store.vault)).cipher()).seal("password", "x")
    assert len(await store.vault.wrapped_keys()) == 1
    assert (await Vault(KmsKeys(key, "us-east-1", store.vault)).cipher()).open(box, "x") == "password"
    assert len(await store.vault.wrapped_keys()) == 1
    await store.close()


async def test_another_key_seals_what_is_new_and_the_old_one_still_opens(key: str, tmp_path: Path) -> None:
    store = await open_store(str(tmp_path / "store.db"))
    box = (await Vault(KmsKeys(key, "us-east-1", store.vault)).cipher()).seal("password", "x")
    other = str(boto3.client("kms", region_name="us-east-1").create_key()["KeyMetadata"]["Arn"])
    cipher = await Vault(KmsKeys(other, "us-east-1", store.vault)).cipher()
    assert cipher.open(box, "x") == "password"
    assert not cipher.is_newest(box)
    await store.close()


async def test_a_key_that_is_not_there_is_told_with_what_it_needs(key: str, tmp_path: Path) -> None:
    store = await open_store(str(tmp_path / "store.db"))
    with pytest.raises(VaultUnavailable, match="kms:GenerateDataKey"):
        await Vault(KmsKeys("alias/absent", "us-east-1", store.vault)).cipher()
    await store.close()
