"""The vault needs nothing before something is sealed."""

from __future__ import annotations

import sys

import pytest

from stepwell.vault.errors import VaultUnavailable
from stepwell.vault.vault import Vault


async def test_a_missing_package_is_told_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "cryptography"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "stepwell.vault.cipher", raising=False)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    vault = Vault()
    with pytest.raises(VaultUnavailable, match=r"pip install 'stepwell\[vault\]'"):
        await vault.cipher()


async def test_without_a_source_the_key_ends_with_the_process() -> None:
    one, other = await Vault().cipher(), await Vault().cipher()
    assert not one.is_newest(other.seal("password", "x"))
