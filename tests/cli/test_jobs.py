"""`stepwell jobs`, against a server with real handlers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Shell
from tests.patience import until
from tests.server import Server, serving

APP = '''
import asyncio
from stepwell import Stepwell

app = Stepwell()


@app.job("add", retries=0)
async def add(numbers: list[int], context) -> int:
    for n in range(len(numbers)):
        context.progress(n / len(numbers), f"at {numbers[n]}")
    if 13 in numbers:
        raise ValueError("13 is not added here")
    return sum(numbers)


@app.job("sleep", retries=0)
async def sleep(context) -> None:
    context.progress(0.5, "asleep")
    await asyncio.sleep(600)


@app.job("plain", retries=0, timeout="30s")
def plain(words: dict[str, str]) -> list[str]:
    """One process a job."""
    print("working")
    return sorted(words)
'''


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "sums.py").write_text(APP)
    with serving(tmp_path, ["sums:app"], environment={"PYTHONPATH": f"{tmp_path}:{ROOT}"}) as found:
        yield found


def test_a_job_is_started_waited_for_listed_shown_and_cancelled(server: Server, tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"STEPWELL_ENDPOINT_URL": server.url})
    started = shell("jobs", "start", "add", "--input", '{"numbers": [1, 2, 3]}')
    assert started.returncode == 0, started.stderr
    waited = shell("jobs", "wait", started.stdout.strip(), "--timeout", "90")
    assert (waited.returncode, waited.stdout.strip()) == (0, "6")

    plain = shell("jobs", "start", "plain", "--input", '{"words": {"b": "2", "a": "1"}}').stdout.strip()
    assert shell.json("jobs", "wait", plain)["outputs"] == ["a", "b"]

    failed = shell("jobs", "start", "add", "--input", '{"numbers": [13]}').stdout.strip()
    waited = shell("jobs", "wait", failed)
    assert (waited.returncode, waited.stderr.strip()) == (1, "FAILED  13 is not added here")

    asleep = shell("jobs", "start", "sleep", "--idempotency-key", "k").stdout.strip()
    assert shell("jobs", "start", "sleep", "--idempotency-key", "k").stdout.strip() == asleep
    assert shell("jobs", "wait", asleep, "--timeout", "1").returncode == 6
    until(lambda: (json.loads(shell("jobs", "show", asleep).stdout).get("progress") or {}).get("message") == "asleep")
    assert json.loads(shell("jobs", "cancel", asleep).stdout)["status"] == "CANCELLED"
    assert shell("jobs", "wait", asleep).returncode == 4

    listed = shell.json("jobs", "list", "--limit", "3")
    assert [job["job_id"] for job in listed] == [asleep, failed, plain]
    assert "13 is not added here" in shell("jobs", "list", "--status", "FAILED").stdout


def test_what_is_wrong_is_one_line(server: Server, tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"STEPWELL_ENDPOINT_URL": server.url})
    for words, said in (
        (("start", "add", "--input", '{"numbers": "x"}'), "Expected array, got str"),
        (("start", "nope"), "There are: add, plain, sleep"),
        (("show", "nope"), "There is no job 'nope'"),
        (("list", "--status", "DONE"), "PENDING, PROCESSING"),
    ):
        done = shell("jobs", *words)
        assert done.returncode == 1
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1
