"""The whole app as it runs: a server that is killed in mid-poll, a vendor, real time (with a wait of 1 s, not 20 s)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import apps.catalog
from apps.catalog.processes import app_environment
from apps.processes import free_port, running, server_command, wait_until_listening
from stepwell.commands.endpoint import Endpoint
from tests.patience import PATIENCE, until

BUILD_SECONDS, TOKEN_SECONDS = 6, 3  # longer than the token lives, so the poll must refresh it


@pytest.fixture
def url() -> str:
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def environment(tmp_path: Path, url: str) -> Iterator[dict[str, str]]:
    """The app's environment, with the vendor running and the real definition's wait shortened to a second."""
    definition = json.loads(Path(apps.catalog.__file__).with_name("catalog.asl.json").read_text("utf-8"))
    assert definition["States"]["WaitForNextCheck"]["Seconds"] == 20
    definition["States"]["WaitForNextCheck"]["Seconds"] = 1
    machine = tmp_path / "quick.asl.json"
    machine.write_text(json.dumps(definition))

    port = free_port()
    variables = app_environment(tmp_path, url, f"http://127.0.0.1:{port}") | {
        "CATALOG_QUICK_MACHINE": str(machine),
        "VENDOR_BUILD_SECONDS": str(BUILD_SECONDS),
        "VENDOR_TOKEN_SECONDS": str(TOKEN_SECONDS),
        "STEPWELL_LOG_LEVEL": "debug",
        "STEPWELL_OVERLOAD_DELAY": str(PATIENCE),  # of a server, not of the machine
    }
    log = tmp_path / "vendor.log"
    with running(["apps.catalog.vendor", "--port", str(port)], variables, log) as process:
        wait_until_listening(process, port, log)
        yield variables


def test_a_poll_survives_kill_9_and_its_token_stands_nowhere(
    tmp_path: Path, url: str, environment: dict[str, str]
) -> None:
    port, log = int(url.rpartition(":")[2]), tmp_path / "server.log"
    command = server_command("apps.catalog.tests.quick_app:app", port, tmp_path / "stepwell.db")
    with running(command, environment, log) as server:
        wait_until_listening(server, port, log)
        token, created = until(lambda: create(url, environment))
        arn = created["execution_arn"]
        assert arn is not None, created
        until(lambda: attempts(url, arn) if len(attempts(url, arn)) >= 2 else None)
        server.kill()
        server.wait(PATIENCE)

    with running(command, environment, log) as server:
        wait_until_listening(server, port, log)
        execution = until(lambda: ended(url, arn))
        history = list(Endpoint(url).pages("GetExecutionHistory", "events", executionArn=arn))
        checks = attempts(url, arn)

    assert execution["status"] == "SUCCEEDED"
    row = json.loads(execution["output"])
    assert row["catalog_id"] == created["catalog"]["catalog_id"]
    assert (row["knowledge_base_id"], row["data_source_id"]) == ("kb-books", "ds-books")
    assert checks == list(range(1, len(checks) + 1))  # every check counted, none lost or made twice by the crash
    assert [event["id"] for event in history] == list(range(1, len(history) + 1))

    # All tokens of this vendor, refreshed ones too, begin with the same words.
    beginning = token.partition(".")[0]
    assert beginning not in json.dumps([history, execution])
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert {"stepwell.db", "stepwell.db.key", "server.log", "catalog.db"} <= {file.name for file in written}
    assert [file.name for file in written if beginning.encode() in file.read_bytes()] == []


def create(url: str, environment: dict[str, str]) -> tuple[str, dict[str, Any]] | None:
    """A user's token and the catalog that was created with it; None where a busy machine has let it grow too old."""
    token = sign_in(environment)
    answer = httpx.post(
        f"{url}/api/catalogs",
        json={"catalog_name": "books"},
        headers={"Authorization": f"Bearer {token}"},
        timeout=PATIENCE,
    )
    return None if answer.status_code == 401 else (token, answer.json())


def sign_in(environment: dict[str, str]) -> str:
    """A user's token."""
    client = (environment["VENDOR_CLIENT_ID"], environment["VENDOR_CLIENT_SECRET"])
    grant = {"grant_type": "client_credentials"}
    answer = httpx.post(f"{environment['VENDOR_URL']}/oauth/token", data=grant, auth=client, timeout=PATIENCE)
    return str(answer.raise_for_status().json()["access_token"])


def ended(url: str, arn: str) -> dict[str, Any] | None:
    execution = Endpoint(url).call("DescribeExecution", executionArn=arn)
    return None if execution["status"] == "RUNNING" else execution


def attempts(url: str, arn: str) -> list[int]:
    """The attempts of the checks that have been scheduled."""
    given = [
        json.loads(event["lambdaFunctionScheduledEventDetails"]["input"])
        for event in Endpoint(url).pages("GetExecutionHistory", "events", executionArn=arn)
        if event["type"] == "LambdaFunctionScheduled"
    ]
    return [call["attempt"] for call in given if "attempt" in call]
