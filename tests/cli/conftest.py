"""Servers and commands as processes of their own, with a folder and an environment of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE
from tests.server import Server, serving

ROOT = Path(__file__).parents[2]

WAITS = """{"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "SecondsPath": "$.seconds", "End": true}}}"""
FAILS = """{"StartAt": "No", "States": {"No": {"Type": "Fail", "Error": "Refused", "Cause": "It is closed"}}}"""


@dataclass(frozen=True)
class Shell:
    """Runs commands in a folder."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("STEPWELL_", "AWS_", "SFN_"))}
        return {**kept, "PYTHONPATH": str(ROOT), "HOME": str(self.folder), **self.environ}

    def __call__(self, *words: str, input: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "stepwell", *words],
            cwd=self.folder,
            env=self.environment(),
            input=input,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def json(self, *words: str) -> Any:
        done = self(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


Serve = Callable[..., Server]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts servers on the test's folder, which modules are imported from too; they end with the test."""
    with ExitStack() as stack:

        def start(*arguments: str, **environment: str) -> Server:
            path = f"{tmp_path}{os.pathsep}{ROOT}"
            return stack.enter_context(
                serving(tmp_path, arguments, environment={"PYTHONPATH": path, "HOME": str(tmp_path), **environment})
            )

        yield start


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server without an app for all tests of a module, with the machines `waits` and `fails`."""
    folder = tmp_path_factory.mktemp("server")
    with serving(folder) as server:
        (folder / "waits.asl.json").write_text(WAITS)
        (folder / "fails.asl.json").write_text(FAILS)
        for name in ("waits", "fails"):
            assert client_of(server)("create", f"{name}.asl.json").returncode == 0
        yield server


@pytest.fixture
def client(server: Server) -> Shell:
    """Commands that talk to the module's server."""
    return client_of(server)


def client_of(server: Server) -> Shell:
    return Shell(server.log.parent, {"STEPWELL_ENDPOINT_URL": server.url})
