"""What a command costs before it does anything."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from stepwell.cli import COMMANDS, main
from stepwell.commands.exit_code import ExitCode
from tests.cli.conftest import ROOT, Shell
from tests.patience import PATIENCE

HEAVY = {
    "asyncio",
    "uvicorn",
    "uvloop",
    "rich",
    "starlette",
    "msgspec",
    "orjson",
    "re2",
    "sqlite3",
    "typing",
    "logging",
}


def modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    return set(done.stdout.split())


def test_the_command_line_itself_imports_nothing_heavy() -> None:
    assert modules_after("import stepwell.cli") & HEAVY == set()


def test_the_help_imports_no_command() -> None:
    code = "from stepwell.cli import main\ntry: main(['--help'])\nexcept SystemExit: print()"
    modules = modules_after(f"exec({code!r})")
    assert {f"stepwell.commands.{name}" for name in COMMANDS} & modules == set()


def test_an_app_module_imports_nothing_heavy() -> None:
    """Every worker process imports it."""
    assert modules_after("from stepwell import Stepwell; Stepwell()") & (HEAVY - {"typing"}) == set()


def test_a_server_that_tells_no_spans_imports_nothing_of_opentelemetry() -> None:
    found = modules_after("import stepwell.serve; import stepwell.telemetry.export")
    assert {name.partition(".")[0] for name in found} & {"opentelemetry", "google.protobuf", "requests"} == set()


# What only some servers use, and what it brings with it.
USED_BY_SOME = {
    "boto3",
    "botocore",
    "cryptography",
    "httpcore",
    "joserfc",
    "opentelemetry",
    "prometheus_client",
    "pyarrow",
    "rich",
    "yaml",
    "stepwell.auth.jwks",
    "stepwell.auth.opening",
    "stepwell.cost",
    "stepwell.deploy.template",
    "stepwell.deploy.template_app",
    "stepwell.testing",
    "stepwell.watch",
    "stepwell.worker",
}


def test_a_server_that_uses_none_of_it_imports_nothing_of_what_only_some_use(tmp_path: Path) -> None:
    """Every start would pay for it. Asked of a whole server, up to its first answer."""
    code = (
        "import asyncio, sys; from stepwell import serve; "
        "serve._listen = lambda *_: asyncio.sleep(0, print(*sys.modules)); "
        "from stepwell.settings import Settings; "
        f"asyncio.run(serve.serve(Settings(store={str(tmp_path / 's.db')!r}, port=0)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    modules = set(done.stdout.split())
    assert "stepwell.api.endpoint" in modules
    assert modules & USED_BY_SOME == set()


# What an execution needs no more of than a server: what speaks HTTP, and what carries out the tasks of services.
OF_SERVERS_AND_SERVICES = {
    "email",
    "http.client",
    "starlette",
    "tomllib",
    "uvicorn",
    "stepwell.api.app",
    "stepwell.api.endpoint",
    "stepwell.api.events.operations",
    "stepwell.api.handlers",
    "stepwell.api.service_model",
    "stepwell.serve",
    "stepwell.tasks.apigateway_invoke",
    "stepwell.tasks.aws_service",
    "stepwell.tasks.http_invoke",
    "stepwell.tasks.runners",
}


def test_a_run_that_calls_no_service_imports_nothing_of_servers_and_services(tmp_path: Path) -> None:
    (tmp_path / "hello.asl.json").write_text('{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}')
    code = "import sys; from stepwell.cli import main; main(['run', 'hello.asl.json']); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    output, _, modules = done.stdout.partition("\n")
    assert output == "{}"
    assert set(modules.split()) & (USED_BY_SOME | OF_SERVERS_AND_SERVICES) == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert f"usage: stepwell {command}" in text
    assert "examples:" in text.partition("--help")[2]


def test_no_command_shows_the_help_and_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "stepwell serve" in capsys.readouterr().out


def test_an_unknown_command_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["launch"])
    assert ended.value.code == 2
    assert "invalid choice: 'launch'" in capsys.readouterr().err


def test_what_reads_the_output_may_go_away(shell: Shell) -> None:
    done = subprocess.run(
        f"{sys.executable} -m stepwell env | true",
        shell=True,
        cwd=shell.folder,
        env=shell.environment(),
        capture_output=True,
    )
    assert done.stderr == b""


def test_the_page_lists_every_command_and_every_exit_code() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z]+)[^|]*\| (.+) \|$", page, re.MULTILINE)
    assert rows == list(COMMANDS.items())
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)] == list(ExitCode)
