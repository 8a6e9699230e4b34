"""The `[auth]` table and its variables: what is taken, and how mistakes are told without telling a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepwell.auth.opening import open_auth
from stepwell.auth.table import AuthError
from stepwell.settings import Settings, SettingsError, load_settings

LONG = "a-secret-that-is-long-enough"


def loaded(folder: Path, text: str = "", **environ: str) -> Settings:
    (folder / "stepwell.toml").write_text(text)
    return load_settings(environ, {}, folder)


def opening_fault(folder: Path, text: str, **environ: str) -> str:
    settings = loaded(folder, text, **environ)
    with pytest.raises(AuthError) as refused:
        open_auth(settings.auth, environ, "stepwell")
    return str(refused.value)


def test_without_a_table_nobody_is_asked(tmp_path: Path) -> None:
    assert open_auth(loaded(tmp_path).auth, {}, "stepwell") is None


def test_a_server_that_asks_may_listen_on_an_address_that_others_reach(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nobody is asked who they are"):
        loaded(tmp_path, 'host = "0.0.0.0"')
    loaded(tmp_path, f'host = "0.0.0.0"\n[auth.keys.AKIA]\nsecret = "{LONG}"')
    loaded(tmp_path, 'host = "0.0.0.0"', STEPWELL_ACCESS_KEYS=f"AKIA:{LONG}")


def test_variables_add_to_the_table(tmp_path: Path) -> None:
    table = loaded(
        tmp_path,
        f'[auth.keys.A]\nsecret = "{LONG}"\n[auth.tokens.t]\nsha256 = "{"0" * 64}"',
        STEPWELL_ACCESS_KEYS=f"B:{LONG}+/=, C:{LONG}:read-only",
        STEPWELL_TOKENS=f"ops:{LONG}",
    ).auth
    assert {id: key.role for id, key in table.keys.items()} == {"A": "full", "B": "full", "C": "read-only"}
    assert list(table.tokens) == ["t", "ops"]


def test_secrets_come_from_variables_and_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{LONG}\n")
    text = """
        [auth.keys.A]
        secret = { file = "secret" }
        [auth.keys.B]
        secret = { env = "B_SECRET" }
        [auth.tokens.t]
        token = { env = "B_SECRET" }
    """
    assert open_auth(loaded(tmp_path, text).auth, {"B_SECRET": LONG}, "stepwell") is not None
    assert opening_fault(tmp_path, text) == "auth.keys.B.secret: the variable B_SECRET is not set."
    (tmp_path / "secret").unlink()
    assert "secret cannot be read: No such file" in opening_fault(tmp_path, text, B_SECRET=LONG)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f'[auth.keys.stepwell]\nsecret = "{LONG}"', "auth.keys.stepwell: the server's own access key has this id"),
        ('[auth.keys.A]\nsecret = "short"', "auth.keys.A.secret: it has 5 characters; a secret has at least 16"),
        ("[auth.tokens.t]", "auth.tokens.t: give either sha256"),
        ('[auth.issuers.i]\nissuer = "http://a.example"\naudience = "a"', "'http://a.example' is no https address"),
        ('[auth.issuers.i]\nissuer = "https://a.example"\naudience = []', "auth.issuers.i.audience: name the audience"),
        (
            '[auth.issuers.i]\nissuer = "https://a.example"\naudience = "a"\nalgorithms = ["HS256"]',
            "auth.issuers.i.algorithms: they are some of ES256",
        ),
        (
            '[auth.issuers.i]\nissuer = "https://a.example"\naudience = "a"\nfull = ["x"]',
            "name it as roles_claim",
        ),
    ],
)
def test_what_cannot_be_used_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    assert message in opening_fault(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f'[auth.keys.A]\nsecret = "{LONG}"\nrole = "admin"', "Invalid enum value 'admin'"),
        (f'[auth.keys.A]\nsecrets = "{LONG}"', "contains unknown field `secrets`"),
        (f'[auth.tokens.t]\ntoken = "{LONG}"', "Expected `object"),
        (f'[auth.keys."A/B"]\nsecret = "{LONG}"', "matching regex"),
        ("auth = 7", "Expected `object`"),
    ],
)
def test_a_table_of_another_form_is_refused_without_its_secrets(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=r"stepwell\.toml: \[auth\]: ") as refused:
        loaded(tmp_path, text)
    assert message in str(refused.value)
    assert LONG not in str(refused.value)


@pytest.mark.parametrize("entry", [LONG, f"A:{LONG}:admin", f"A:{LONG}:full:x", "A:", ":"])
def test_a_variable_of_another_form_is_refused_without_its_secrets(tmp_path: Path, entry: str) -> None:
    with pytest.raises(SettingsError) as refused:
        loaded(tmp_path, STEPWELL_ACCESS_KEYS=f"GOOD:{LONG},{entry}")
    assert "STEPWELL_ACCESS_KEYS: entry 2 is not ID:SECRET[:ROLE]" in str(refused.value)
    assert LONG not in str(refused.value)


def test_no_secret_is_part_of_what_a_debugger_prints(tmp_path: Path) -> None:
    settings = loaded(tmp_path, f'[auth.keys.A]\nsecret = "{LONG}"\nsession_token = "{LONG}"')
    auth = open_auth(settings.auth, {}, "stepwell")
    assert auth is not None
    assert LONG not in repr(settings)
    assert auth.own_key.secret not in repr(auth)
