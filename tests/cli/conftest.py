"""Servers and commands as processes of their own, with a folder and an environment of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

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
            timeout=30,
        )

    def json(self, *words: str) -> Any:
        done = self(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@dataclass(frozen=True)
class Server:
    """A server that listens."""

    process: subprocess.Popen[str]
    url: str
    first_line: str
    folder: Path

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


Serve = Callable[..., Server]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts servers in the test's folder, on free ports; all of them are ended with the test."""
    yield from _serving(tmp_path)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server without an app for all tests of a module, with the machines `waits` and `fails`."""
    folder = tmp_path_factory.mktemp("server")
    for serve in _serving(folder):
        server = serve()
        shell = client_of(server)
        (folder / "waits.asl.json").write_text(WAITS)
        (folder / "fails.asl.json").write_text(FAILS)
        for name in ("waits", "fails"):
            assert shell("create", f"{name}.asl.json").returncode == 0
        yield server


@pytest.fixture
def client(server: Server) -> Shell:
    """Commands that talk to the module's server."""
    return client_of(server)


def client_of(server: Server) -> Shell:
    return Shell(server.folder, {"STEPWELL_ENDPOINT_URL": server.url})


def _serving(folder: Path) -> Iterator[Serve]:
    started: list[subprocess.Popen[str]] = []

    def serve(*words: str, **environ: str) -> Server:
        process = subprocess.Popen(
            [sys.executable, "-m", "stepwell", "serve", "--port", "0", *words],
            cwd=folder,
            env=Shell(folder, environ).environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise AssertionError(process.communicate()[1])
        return Server(process, line.split(" listens on ")[1].split()[0], line, folder)

    try:
        yield serve
    finally:
        for process in started:
            process.kill()
            process.communicate()
