"""`stepwell env`."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace

import pytest

from tests.cli.conftest import Shell

ENDPOINTS = {"AWS_ENDPOINT_URL_SFN", "AWS_ENDPOINT_URL_LAMBDA"}
NAMES = {*ENDPOINTS, "AWS_DISABLE_HOST_PREFIX_INJECTION", "AWS_REGION", "AWS_DEFAULT_REGION"}
CREDENTIALS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


def test_the_variables_point_to_where_a_server_listens(shell: Shell) -> None:
    variables = shell.json("env")
    assert variables.keys() == NAMES | CREDENTIALS
    assert {variables[name] for name in ENDPOINTS} == {"http://127.0.0.1:8083"}
    assert variables["AWS_DISABLE_HOST_PREFIX_INJECTION"] == "true"
    assert variables["AWS_REGION"] == variables["AWS_DEFAULT_REGION"] == "us-east-1"


def test_they_follow_the_settings_of_the_folder(shell: Shell) -> None:
    (shell.folder / "stepwell.toml").write_text('port = 9000\nregion = "eu-west-1"')
    variables = shell.json("env")
    assert variables["AWS_ENDPOINT_URL_SFN"] == "http://127.0.0.1:9000"
    assert variables["AWS_REGION"] == "eu-west-1"


@pytest.mark.parametrize(
    "own",
    [{"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s"}, {"AWS_PROFILE": "work"}],
    ids=["keys", "profile"],
)
def test_credentials_of_the_user_are_not_put_aside(shell: Shell, own: dict[str, str]) -> None:
    assert replace(shell, environ=own).json("env").keys() == NAMES


def test_a_credentials_file_of_the_user_is_not_put_aside(shell: Shell) -> None:
    (shell.folder / ".aws").mkdir()
    (shell.folder / ".aws" / "credentials").write_text("[default]")
    assert shell.json("env").keys() == NAMES


def test_a_shell_can_evaluate_the_output(shell: Shell) -> None:
    script = f"{shell('env', '--endpoint-url', 'http://localhost:1').stdout}\necho $AWS_ENDPOINT_URL_SFN"
    sh = shutil.which("sh")
    assert sh is not None
    assert subprocess.run([sh, "-c", script], capture_output=True, text=True).stdout == "http://localhost:1\n"


def test_other_shells_are_spoken_too(shell: Shell) -> None:
    assert "set -gx AWS_REGION us-east-1" in shell("env", "--shell", "fish").stdout
    assert "$env:AWS_REGION = 'us-east-1'" in shell("env", "--shell", "powershell").stdout
