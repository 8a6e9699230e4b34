"""The catalog app, a vendor, and one poll to watch: `python -m apps.demo catalog`.

Starts the server with the app and the vendor's stand-in, creates a catalog over HTTP, and shows its poll until the row
is filled.

Rules that must stay true here:
- All that it leaves behind stands in its folder; the processes that it starts end with the demo.
- It does what a user would do: over HTTP, with the app's and AWS's own API.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import httpx

from apps.catalog.processes import MACHINE_ARN, app_environment
from apps.processes import DemoFailed, free_port, running, server_command, wait_until_listening
from stepwell.commands.endpoint import Endpoint
from stepwell.commands.follow import follow

PRICE = 0.025 / 1000  # dollars that AWS asks for a state transition
BUILD_SECONDS, TOKEN_SECONDS = 25, 30  # the caller's token expires before the last check


def play(folder: Path, processes: ExitStack) -> None:
    """Run the demo in a folder; what it starts goes on until the stack is closed. Raises DemoFailed and others."""
    port, vendor_port = free_port(8083), free_port()
    url, vendor_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{vendor_port}"
    if port != 8083:
        print(f"Port 8083 is taken: this demo listens on {port}.")
    environment = app_environment(folder, url, vendor_url)
    environment |= {"VENDOR_BUILD_SECONDS": str(BUILD_SECONDS), "VENDOR_TOKEN_SECONDS": str(TOKEN_SECONDS)}
    environment["STEPWELL_LOG_LEVEL"] = "info"  # the functions' lines too
    for name, ready_at, command in (
        ("vendor", vendor_port, ["apps.catalog.vendor", "--port", str(vendor_port)]),
        ("server", port, server_command("apps.catalog:app", port, folder / "stepwell.db")),
    ):
        process = processes.enter_context(running(command, environment, folder / f"{name}.log"))
        wait_until_listening(process, ready_at, folder / f"{name}.log")

    client = (environment["VENDOR_CLIENT_ID"], environment["VENDOR_CLIENT_SECRET"])
    arn, name = _create(url, vendor_url, client)
    status = follow(Endpoint(url), arn, sys.stdout)
    _print_log(folder / "server.log", name)
    row = _show(url, vendor_url, client, name)
    _print_cost(Endpoint(url), arn)
    if status != "SUCCEEDED" or not (row["knowledge_base_id"] and row["data_source_id"]):
        raise DemoFailed(f"the poll {status}; the row is {row}")
    _print_ways_on(url, arn)


def _create(url: str, vendor_url: str, client: tuple[str, str]) -> tuple[str, str]:
    """Create a catalog; the poll's ARN and the catalog's name."""
    name = f"demo-{time.strftime('%Y%m%d-%H%M%S')}"
    print(f"POST {url}/api/catalogs  catalog_name={name}  (the vendor builds for {BUILD_SECONDS} s)")
    headers = _authorization(vendor_url, client)
    answer = httpx.post(f"{url}/api/catalogs", json={"catalog_name": name}, headers=headers, timeout=30).json()
    print(f"     {answer['message']}")
    if answer.get("execution_arn") is None:
        raise DemoFailed(answer["message"])
    print(f"     {answer['execution_arn']}\n")
    return answer["execution_arn"], name


def _show(url: str, vendor_url: str, client: tuple[str, str], name: str) -> dict[str, str | None]:
    """Print the row of a catalog."""
    answer = httpx.get(f"{url}/api/catalogs/{name}", headers=_authorization(vendor_url, client), timeout=30)
    row: dict[str, str | None] = answer.raise_for_status().json()["catalog"]
    print(f"\nGET  {url}/api/catalogs/{name}")
    for column, value in row.items():
        print(f"     {column:<18} {value}")
    return row


def _print_log(log: Path, name: str) -> None:
    """Print what the functions have logged about a catalog."""
    print(f"\n{log}")
    for line in log.read_text("utf-8").splitlines():
        if f"catalog {name}" in line:
            print(f"     {line.rpartition(chr(9))[2]}")  # what stands before the tab is the runtime's


def _print_cost(server: Endpoint, arn: str) -> None:
    events = server.pages("GetExecutionHistory", "events", executionArn=arn)
    transitions = sum(event["type"].endswith("StateEntered") for event in events)
    print(f"\nOn AWS: {transitions} state transitions, ${transitions * PRICE:.5f}.")


def _print_ways_on(url: str, arn: str) -> None:
    activate = f"\n  . {os.path.relpath(sys.prefix)}/bin/activate     # stepwell is there"
    on_path = "" if shutil.which("stepwell") else activate
    print(f"""
The AWS API is at {url}. In another terminal:
{on_path}
  eval "$(stepwell env --endpoint-url {url})"     # an address and credentials for AWS's tools
  aws stepfunctions list-state-machines --endpoint-url {url}
  aws stepfunctions list-executions --endpoint-url {url} --state-machine-arn {MACHINE_ARN}
  stepwell history {arn}
""")


def _authorization(vendor_url: str, client: tuple[str, str]) -> dict[str, str]:
    """What a user who has just signed in sends."""
    grant = {"grant_type": "client_credentials"}
    answer = httpx.post(f"{vendor_url}/oauth/token", data=grant, auth=client, timeout=30).raise_for_status()
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}
