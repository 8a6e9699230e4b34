"""The key file: made once, for its owner only, the newest key first."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

from stepwell.vault.errors import VaultUnavailable
from stepwell.vault.key_file import KeyFile
from stepwell.vault.vault import Vault


async def test_the_file_is_made_when_the_first_value_is_sealed_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "stepwell.db.key"
    vault = Vault(KeyFile(path))
    assert not path.exists()
    box = (await vault.cipher()).seal("password", "x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (await Vault(KeyFile(path)).cipher()).open(box, "x") == "password"
    assert os.listdir(tmp_path) == ["stepwell.db.key"]


async def test_those_who_make_the_file_at_once_find_the_same_key(tmp_path: Path) -> None:
    path = tmp_path / "stepwell.db.key"
    all_keys = await asyncio.gather(*(KeyFile(path).load() for _ in range(8)))
    assert len({keys.newest.id for keys in all_keys}) == 1


async def test_a_new_first_line_rotates_the_key(tmp_path: Path) -> None:
    path = tmp_path / "stepwell.db.key"
    box = (await Vault(KeyFile(path)).cipher()).seal("password", "x")
    path.write_text("bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm4=\n" + path.read_text("ascii"), "ascii")
    cipher = await Vault(KeyFile(path)).cipher()
    assert cipher.open(box, "x") == "password"
    assert not cipher.is_newest(box)


async def test_a_file_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "stepwell.db.key"
    await KeyFile(path).load()
    path.chmod(0o644)
    with pytest.raises(VaultUnavailable, match="chmod 600"):
        await KeyFile(path).load()


async def test_a_file_that_cannot_be_made_is_told_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(VaultUnavailable, match="STEPWELL_VAULT_KEY"):
        await KeyFile(tmp_path / "missing" / "stepwell.db.key").load()
