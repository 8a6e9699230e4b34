"""A DRS that really listens, an environment that points at it, and a webhook that hears of waves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from apps.catalog.tests.conftest import listening
from apps.recovery import drs
from apps.recovery.drs_server import Behaviour, DrsServer
from apps.recovery.records import Records

TOKEN = "a-token-of-the-operators"


def server(name: str) -> str:
    """The id of a source server, in the form that DRS gives them."""
    return f"s-{name:0<17}"


PLANS: dict[str, Any] = {
    "ProtectionGroups": {
        "db": [server("db1"), server("db2")],
        "app": [server("app1"), server("app2"), server("app3")],
        "web": [server("web1")],
        "spare": [server("spare")],
        "none": [],
    },
    "Plans": {
        "shop": {
            "Waves": [
                {"WaveNumber": 1, "ProtectionGroups": ["db"]},
                {"WaveNumber": 2, "ProtectionGroups": ["app"]},
                {"WaveNumber": 3, "ProtectionGroups": ["web"]},
            ]
        },
        "empty": {"Waves": [{"WaveNumber": 1, "ProtectionGroups": ["none"]}]},
        "turned": {
            "Waves": [
                {"WaveNumber": 1, "ProtectionGroups": ["web"], "DependsOn": [2]},
                {"WaveNumber": 2, "ProtectionGroups": ["db"]},
            ]
        },
        "spare": {
            "Waves": [
                {"WaveNumber": 1, "ProtectionGroups": ["none"]},
                {"WaveNumber": 2, "ProtectionGroups": ["spare"]},
            ]
        },
        "circle": {
            "Waves": [
                {"WaveNumber": 1, "ProtectionGroups": ["db"], "DependsOn": [2]},
                {"WaveNumber": 2, "ProtectionGroups": ["web"], "DependsOn": [1]},
            ]
        },
        "unknown": {"Waves": [{"WaveNumber": 1, "ProtectionGroups": ["nowhere"]}]},
    },
}


@dataclass
class Listener:
    """A webhook; `failing` makes it answer 500."""

    heard: list[dict[str, Any]] = field(default_factory=list)
    failing: bool = False

    async def hear(self, request: Request) -> Response:
        if self.failing:
            return Response(status_code=500)
        self.heard.append(
            {**json.loads(await request.body()), "signature": request.headers.get("x-recovery-signature")}
        )
        return Response(status_code=204)


@dataclass
class World:
    """The parts around the app."""

    drs: DrsServer
    webhook: Listener
    records: Records
    folder: Path

    def calls(self, operation: str) -> list[dict[str, Any]]:
        return [given for name, given in self.drs.calls if name == operation]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Jobs end when they have been asked about three times."""
    server, webhook = DrsServer(Behaviour(launch_polls=3)), Listener()
    (tmp_path / "plans.json").write_text(json.dumps(PLANS))
    routes = Starlette(routes=[Route("/hook", webhook.hear, methods=["POST"])])
    with listening(server.asgi()) as url, listening(routes) as hook:
        for name, value in {
            "AWS_ENDPOINT_URL_DRS": url,
            "AWS_ACCESS_KEY_ID": "stepwell",
            "AWS_SECRET_ACCESS_KEY": "stepwell",
            "AWS_DEFAULT_REGION": "us-east-1",
            "RECOVERY_DATABASE": str(tmp_path / "recovery.db"),
            "RECOVERY_PLANS": str(tmp_path / "plans.json"),
            "RECOVERY_API_TOKEN": TOKEN,
            "RECOVERY_WEBHOOK_URL": f"{hook}/hook",
            "RECOVERY_WEBHOOK_SECRET": "a-shared-secret",
        }.items():
            monkeypatch.setenv(name, value)
        for name in ("USE_STEP_FUNCTIONS", "RECOVERY_TOPIC_ARN", "PROJECT_NAME", "ENVIRONMENT"):
            monkeypatch.delenv(name, raising=False)
        drs._client.cache_clear()
        yield World(server, webhook, Records(tmp_path / "recovery.db"), tmp_path)
        drs._client.cache_clear()
