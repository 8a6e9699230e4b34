"""What sealing a token protects: its files tell nothing by themselves."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from apps.catalog.tokens import LIFETIME_SECONDS, SealedTokens, Tokens, TokenUnavailable

SECRET = Tokens("an-access-token", "a-refresh-token")


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "tokens.db", tmp_path / "tokens.key"


def test_what_is_sealed_can_be_opened_by_another_process(files: tuple[Path, Path]) -> None:
    SealedTokens(*files).seal("one", SECRET)
    assert SealedTokens(*files).open_tokens("one") == SECRET


def test_neither_token_stands_in_the_file_and_only_the_owner_reads_it(files: tuple[Path, Path]) -> None:
    SealedTokens(*files).seal("one", SECRET)
    for file in files:
        assert b"-token" not in file.read_bytes().replace(b"access_token", b"")
        assert file.stat().st_mode & 0o077 == 0


def test_tokens_do_not_show_in_a_repr() -> None:
    assert "token" not in repr(SECRET).replace("Tokens", "")


def test_nothing_opens_with_another_key(files: tuple[Path, Path], tmp_path: Path) -> None:
    SealedTokens(*files).seal("one", SECRET)
    with pytest.raises(TokenUnavailable, match="this key"):
        SealedTokens(files[0], tmp_path / "other.key").open_tokens("one")


def test_a_sealed_token_does_not_open_under_another_reference(files: tuple[Path, Path]) -> None:
    SealedTokens(*files).seal("one", SECRET)
    with sqlite3.connect(files[0]) as file:
        file.execute("UPDATE sealed SET reference = 'two'")
    with pytest.raises(TokenUnavailable, match="another reference"):
        SealedTokens(*files).open_tokens("two")


def test_a_token_goes_when_it_is_forgotten_or_a_day_old(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = SealedTokens(*files)
    sealed.seal("one", SECRET)
    sealed.seal("two", SECRET)
    sealed.forget("one")
    with pytest.raises(TokenUnavailable):
        sealed.open_tokens("one")

    later = time.time() + LIFETIME_SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: later)
    sealed.seal("three", SECRET)
    with pytest.raises(TokenUnavailable):
        sealed.open_tokens("two")
