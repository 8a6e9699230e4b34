"""The HTTP routes, on a whole server: start, list, watch, stop, resume."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import apps.recovery
from apps.processes import free_port, running, server_command, wait_until_listening
from apps.recovery import polling
from apps.recovery.tests.conftest import TOKEN, World, server
from tests.patience import PATIENCE, until


class App:
    """The app on a server of its own, in a process that can be killed, and a client of its routes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._running: Any = None

    def serve(self, **environment: str) -> None:
        command = server_command("apps.recovery.tests.quick_app:app", self._port, self._folder / "stepwell.db")
        aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}  # those of the stand-in
        own = {"STEPWELL_OVERLOAD_DELAY": str(PATIENCE)}  # of a server, not of the machine
        variables = {**aws, **own, "AWS_ENDPOINT_URL_SFN": self.url, **environment}
        self._running = running(command, variables, self._folder / "server.log")
        self.process = self._running.__enter__()
        wait_until_listening(self.process, self._port, self._folder / "server.log")

    def end(self) -> None:
        if self._running is not None:
            self._running.__exit__(None, None, None)
            self._running = None

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)
        self.end()

    def ask(self, method: str, path: str, token: str | None = TOKEN, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.request(method, f"{self.url}{path}", headers=headers, timeout=PATIENCE, **more)

    def start(self, plan: str = "shop", kind: str = "drill") -> str:
        answer = self.ask("POST", "/executions", json={"PlanId": plan, "ExecutionType": kind})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["execution_id"])

    def show(self, execution_id: str) -> dict[str, Any]:
        return dict(self.ask("GET", f"/executions/{execution_id}").json())

    def ended(self, execution_id: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self.show(execution_id)
            return found if found["status"] in ("COMPLETED", "FAILED", "STOPPED") else None

        return until(look)


@pytest.fixture
def app(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """The app, with its wait of 30 seconds made one of a second."""
    definition = Path(apps.recovery.__file__).with_name("recovery.asl.json").read_text("utf-8")
    quick = definition.replace('"Seconds": 30', '"Seconds": 1')
    assert quick != definition
    (world.folder / "quick.asl.json").write_text(quick)
    monkeypatch.setenv("RECOVERY_QUICK_MACHINE", str(world.folder / "quick.asl.json"))
    world.drs.behaviour.launch_polls = 1
    found = App(world.folder)
    yield found
    found.end()


def statuses(execution: dict[str, Any]) -> list[str]:
    return [wave["status"] for wave in execution["waves"]]


def test_an_execution_is_started_listed_watched_and_told_of(world: World, app: App) -> None:
    app.serve()
    for body, status, text in (
        ({"PlanId": "shop", "ExecutionType": "test"}, 400, "ExecutionType is 'test': it takes drill or recovery."),
        ({"ExecutionType": "drill"}, 400, "PlanId is needed"),
        ({"PlanId": "nothing", "ExecutionType": "drill"}, 404, "There is no plan 'nothing'."),
        ({"PlanId": "circle", "ExecutionType": "drill"}, 422, "waves 1, 2 wait for one another"),
        ({"PlanId": "unknown", "ExecutionType": "drill"}, 422, "the protection group 'nowhere', which does not exist"),
        ([], 400, "The body must be a JSON object"),
    ):
        answer = app.ask("POST", "/executions", json=body)
        assert (answer.status_code, text in answer.json()["message"]) == (status, True), answer.text
    assert app.ask("GET", "/executions", None).headers["www-authenticate"] == 'Bearer realm="recovery"'
    assert app.ask("GET", "/executions", "another").json() == {"message": "The token is not valid."}
    assert app.ask("GET", "/executions/none").status_code == 404

    world.drs.behaviour.launch_polls = 1000  # until somebody watches
    id = app.start()
    seen: list[dict[str, Any]] = []
    with httpx.stream(
        "GET", f"{app.url}/executions/{id}/events", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=PATIENCE
    ) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                seen.append(json.loads(line.removeprefix("data: ")))
                if statuses(seen[-1]) == ["IN_PROGRESS", "PENDING", "PENDING"]:
                    world.drs.behaviour.launch_polls = 1
    assert seen[-1]["status"] == "COMPLETED"
    assert any(statuses(one) == ["IN_PROGRESS", "PENDING", "PENDING"] for one in seen)  # live
    assert all(wave["job_id"] for wave in seen[-1]["waves"])
    assert app.ask("GET", "/executions?limit=5").json()["executions"] == [seen[-1]]
    told = [(heard["wave_number"], heard["status"], heard["plan_id"]) for heard in world.webhook.heard]
    assert told == [(1, "COMPLETED", "shop"), (2, "COMPLETED", "shop"), (3, "COMPLETED", "shop")]

    waves = app.ended(app.start("turned"))["waves"]
    assert [wave["wave_number"] for wave in waves] == [2, 1]  # the first depends on the second
    assert app.ended(app.start("empty"))["waves"][0]["message"] == "No servers in wave"


def test_a_failed_wave_is_resumed_and_servers_that_have_launched_are_left_alone(world: World, app: App) -> None:
    app.serve()
    world.drs.behaviour.fail_servers = [server("app2")]
    id = app.start()
    failed = app.ended(id)
    assert (failed["status"], statuses(failed)) == ("FAILED", ["COMPLETED", "FAILED", "PENDING"])
    assert failed["error"] == f"wave 2: Servers failed to launch: {server('app2')}"
    assert app.ask("POST", f"/executions/{id}/stop").status_code == 409

    world.drs.behaviour.fail_servers = []
    assert app.ask("POST", f"/executions/{id}/resume").status_code == 202
    resumed = app.ended(id)
    assert (resumed["status"], resumed["attempt"], statuses(resumed)) == ("COMPLETED", 2, ["COMPLETED"] * 3)
    calls = [[one["sourceServerID"] for one in call["sourceServers"]] for call in world.calls("StartRecovery")]
    assert calls[2:] == [[server("app2")], [server("web1")]]  # neither the first wave, nor who had launched
    launched = resumed["waves"][1]["server_statuses"]
    assert {one["status"] for one in launched.values()} == {"LAUNCH_FINISHED"}
    assert len(launched) == 3
    assert app.ask("POST", f"/executions/{id}/resume").status_code == 409


def test_a_stopped_execution_starts_no_further_wave_and_is_resumed_with_its_job(world: World, app: App) -> None:
    app.serve()
    world.drs.behaviour.launch_polls = 1000
    id = app.start()
    until(lambda: app.show(id)["waves"][0]["job_id"])
    stopped = app.ask("POST", f"/executions/{id}/stop").json()
    assert (stopped["status"], statuses(stopped)) == ("STOPPED", ["STOPPED", "PENDING", "PENDING"])
    world.drs.behaviour.launch_polls = 1
    app.ask("POST", f"/executions/{id}/resume")
    assert app.ended(id)["status"] == "COMPLETED"
    assert len(world.calls("StartRecovery")) == 3  # the first wave's job went on meanwhile


def test_a_server_that_is_killed_in_a_wave_goes_on_with_it(world: World, app: App) -> None:
    app.serve()
    world.drs.behaviour.launch_polls = 1000
    id = app.start()
    until(lambda: app.show(id)["waves"][0]["job_id"])
    app.kill()
    world.drs.behaviour.launch_polls = 1
    app.serve()
    assert statuses(app.ended(id)) == ["COMPLETED"] * 3
    assert len(world.calls("StartRecovery")) == 3  # one a wave, crash or not


def test_a_server_that_is_killed_while_a_job_is_being_started_finds_that_job(world: World, app: App) -> None:
    """Nobody has heard the answer of StartRecovery; the record says only that it was about to be called."""
    app.serve()
    world.drs.behaviour.delay_seconds = 3600
    id = app.start()
    until(lambda: world.drs.arrived)
    assert app.show(id)["waves"][0]["job_id"] is None
    app.kill()
    world.drs.behaviour.delay_seconds = 0.0
    until(lambda: world.calls("StartRecovery"))
    app.serve()
    assert statuses(app.ended(id)) == ["COMPLETED"] * 3
    assert len(world.calls("StartRecovery")) == 3


def test_without_step_functions_the_handler_runs_new_executions_and_old_ones_end_where_they_began(
    world: World, app: App
) -> None:
    app.serve()
    world.drs.behaviour.launch_polls = 1000
    first = app.start()
    app.end()
    app.serve(USE_STEP_FUNCTIONS="false")
    second = app.start("spare")
    assert app.show(second)["runner"] == "handler"
    assert app.show(second)["waves"][1]["job_id"] is not None  # it went as far as it could at once
    world.drs.behaviour.launch_polls = 1
    for _ in range(3):  # what the schedule does once a minute
        polling.poll({}, None)
    assert statuses(app.show(second)) == ["COMPLETED", "COMPLETED"]
    ended = app.ended(first)
    assert (ended["status"], ended["runner"]) == ("COMPLETED", "step_functions")


def test_an_execution_that_cannot_be_started_says_so_and_is_resumed_later(world: World, app: App) -> None:
    app.serve(RECOVERY_STATE_MACHINE_ARN="arn:aws:states:us-east-1:123456789012:stateMachine:none")
    answer = app.ask("POST", "/executions", json={"PlanId": "empty", "ExecutionType": "drill"})
    assert answer.status_code == 502
    (found,) = app.ask("GET", "/executions").json()["executions"]
    assert (found["status"], "could not be started" in found["error"]) == ("FAILED", True)
    app.end()
    app.serve()
    app.ask("POST", f"/executions/{found['execution_id']}/resume")
    assert app.ended(found["execution_id"])["status"] == "COMPLETED"
