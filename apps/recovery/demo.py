"""The recovery app, a stand-in for DRS, and a drill to watch: `python -m apps.demo recovery`.

Starts both, starts a drill in which one server does not launch, shows it until it has failed, resumes it, and shows it
until it is complete. The server's clock is virtual: nobody waits 30 s for a wave.

Rules that must stay true here:
- All that it leaves behind stands in its folder; the processes that it starts end with the demo.
- It does what a user would do: over HTTP, with the app's own routes.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from apps.processes import DemoFailed, free_port, running, server_command, wait_until_listening

PLAN = "plan-shop"
BROKEN = "s-2222222222222222b"  # in the second of its waves


def play(folder: Path, processes: ExitStack) -> None:
    """Run the demo in a folder; what it starts goes on until the stack is closed. Raises DemoFailed and others."""
    port, drs_port = free_port(8085), free_port()
    url, drs_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{drs_port}"
    token = secrets.token_urlsafe(24)
    environment = app_environment(folder, url, drs_url, token)
    serve = [*server_command("apps.recovery:app", port, folder / "stepwell.db"), "--clock", "virtual"]
    for name, ready_at, command in (
        ("drs", drs_port, ["apps.recovery.drs_server", "--port", str(drs_port)]),
        ("server", port, serve),
    ):
        process = processes.enter_context(running(command, environment, folder / f"{name}.log"))
        wait_until_listening(process, ready_at, folder / f"{name}.log")
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        httpx.put(
            f"{drs_url}/control", json={"launch_polls": 3, "fail_servers": [BROKEN]}, timeout=30
        ).raise_for_status()
        print(f"POST {url}/executions  PlanId={PLAN} ExecutionType=drill  ({BROKEN} will not launch)")
        body = {"PlanId": PLAN, "ExecutionType": "drill"}
        id = client.post("/executions", json=body).raise_for_status().json()["execution_id"]
        if _show(client, id)["status"] != "FAILED":
            raise DemoFailed("the drill was to fail")
        httpx.put(f"{drs_url}/control", json={"fail_servers": []}, timeout=30).raise_for_status()
        print(f"\nPOST {url}/executions/{id}/resume  (now it will)")
        client.post(f"/executions/{id}/resume").raise_for_status()
        ended = _show(client, id)
    if ended["status"] != "COMPLETED":
        raise DemoFailed(f"the resumed drill is {ended['status']}: {ended['error']}")
    print(f"\nIn another terminal: stepwell history {ended['execution_arn']} --endpoint-url {url}\n")


def app_environment(folder: Path, url: str, drs_url: str, token: str) -> dict[str, str]:
    """The variables of the app. `url` is the server's own."""
    return {
        "RECOVERY_API_TOKEN": token,
        "RECOVERY_DATABASE": str(folder / "recovery.db"),
        "AWS_ENDPOINT_URL_DRS": drs_url,
        "AWS_ENDPOINT_URL_SFN": url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "stepwell",
        "AWS_SECRET_ACCESS_KEY": "stepwell",
    }


def _show(client: httpx.Client, execution_id: str) -> Mapping[str, Any]:
    """Print an execution whenever it changes, until it has ended; the last of it."""
    last: Mapping[str, Any] = {}
    shown = ""
    for last in _events(client, execution_id):
        waves = "  ".join(f"wave {wave['wave_number']} {wave['status']:<11}" for wave in last["waves"])
        if waves != shown:
            print(f"     {waves}", flush=True)
            shown = waves
    print(f"     {last['status']}" + (f": {last['error']}" if last.get("error") else ""))
    return last


def _events(client: httpx.Client, execution_id: str) -> Iterator[Mapping[str, Any]]:
    with client.stream("GET", f"/executions/{execution_id}/events") as stream:
        for line in stream.raise_for_status().iter_lines():
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))
