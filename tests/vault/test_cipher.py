"""What is sealed opens with its key, for what it was sealed for, and not otherwise."""

from __future__ import annotations

import pytest

from stepwell.vault.cipher import Cipher
from stepwell.vault.errors import CannotOpen, VaultUnavailable
from stepwell.vault.keys import Key, Keys, VariableKeys

OLD, NEW = Key.of(b"o" * 32), Key.of(b"n" * 32)


def test_a_sealed_text_opens_again_and_is_not_readable_in_its_box() -> None:
    cipher = Cipher(Keys([NEW]))
    box = cipher.seal("pässword", "connection/vendor")
    assert cipher.open(box, "connection/vendor") == "pässword"
    assert "pässword".encode() not in box


def test_a_box_opens_for_what_it_was_sealed_for_only() -> None:
    cipher = Cipher(Keys([NEW]))
    with pytest.raises(CannotOpen, match="for something else"):
        cipher.open(cipher.seal("password", "connection/vendor"), "connection/other")


@pytest.mark.parametrize("at", [9, 25, -1])
def test_a_damaged_box_does_not_open(at: int) -> None:
    cipher = Cipher(Keys([NEW]))
    box = bytearray(cipher.seal("password", "x"))
    box[at] ^= 1
    with pytest.raises(CannotOpen, match="damaged"):
        cipher.open(bytes(box), "x")


def test_after_a_rotation_new_values_are_under_the_new_key_and_old_ones_still_open() -> None:
    before, after = Cipher(Keys([OLD])), Cipher(Keys([NEW, OLD]))
    old = before.seal("password", "x")
    new = after.seal("password", "x")
    assert after.open(old, "x") == "password"
    assert (after.is_newest(old), after.is_newest(new)) == (False, True)
    with pytest.raises(CannotOpen, match=NEW.id.hex()):
        before.open(new, "x")


def test_an_unknown_form_is_told_as_such() -> None:
    with pytest.raises(CannotOpen, match="form"):
        Cipher(Keys([NEW])).open(b"\x02" + b"0" * 60, "x")


def test_a_digest_recognises_its_text_also_after_a_rotation() -> None:
    digest = Cipher(Keys([OLD])).digest('{"token":"t"}')
    after = Cipher(Keys([NEW, OLD]))
    assert after.is_digest_of(digest, '{"token":"t"}')
    assert not after.is_digest_of(digest, '{"token":"u"}')
    assert Cipher(Keys([NEW])).digest('{"token":"t"}') != digest


async def test_keys_come_from_a_variable_with_the_newest_first() -> None:
    new, old = "bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm4=", "b29vb29vb29vb29vb29vb29vb29vb29vb29vb29vb28"
    keys = await VariableKeys("STEPWELL_VAULT_KEY", f"{new}, {old}").load()
    assert keys.newest == NEW
    assert keys.find(OLD.id) == OLD


@pytest.mark.parametrize("text", ["", "abc", "!" * 44, "bm5u"])
async def test_a_key_of_another_form_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(VaultUnavailable, match=r"openssl rand -base64 32") as refused:
        await VariableKeys("STEPWELL_VAULT_KEY", text).load()
    assert "STEPWELL_VAULT_KEY" in str(refused.value)
    assert not text or text not in str(refused.value)


def test_a_key_does_not_show_itself() -> None:
    assert repr(NEW.seal) not in repr(NEW)
    assert repr(NEW.digest) not in repr(NEW)
