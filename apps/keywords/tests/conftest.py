"""What the tests of the app share: the site, and the app's server with a token."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.processes import free_port, running, server_command, wait_until_listening
from tests.patience import PATIENCE, until


@dataclass
class Running:
    """The app as it runs. `site` is the site's address; `kill` and `start` act on the server alone."""

    folder: Path
    site: str
    port: int = field(default_factory=free_port)
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def server(self) -> Iterator[Callable[[], None]]:
        """Serve; what it gives kills the server."""
        environment = {"KEYWORDS_SITE_URL": self.site, "STEPWELL_TOKENS": f"test:{self.token}"}
        environment["STEPWELL_OVERLOAD_DELAY"] = str(PATIENCE)  # of a server, not of the machine
        environment["STEPWELL_ACCESS_KEYS"] = f"TESTS:{self.token}"
        command, log = server_command("apps.keywords:app", self.port, self.folder / "stepwell.db"), self.log
        with running(command, environment, log) as process:
            wait_until_listening(process, self.port, log)

            def kill() -> None:
                process.kill()
                process.wait(PATIENCE)

            yield kill

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        sent = {"Authorization": f"Bearer {self.token}", **headers}
        return httpx.post(self.url + path, json=body, headers=sent, timeout=PATIENCE)

    def get(self, path: str, **headers: str) -> httpx.Response:
        sent = {"Authorization": f"Bearer {self.token}", **headers}
        return httpx.get(self.url + path, headers=sent, timeout=PATIENCE)

    def behave(self, **behaviour: object) -> dict[str, Any]:
        """Make the site misbehave; how it behaves now."""
        answer = httpx.put(f"{self.site}/control", json=behaviour, timeout=PATIENCE).raise_for_status()
        return dict(answer.json())

    def polled(self, path: str, job_id: str) -> dict[str, Any]:
        """What the single route answers once the job has ended."""

        def look() -> dict[str, Any] | None:
            answer = self.post(path, {"job_id": job_id})
            assert answer.status_code == 200, answer.text
            job: dict[str, Any] = answer.json()
            assert job["job_id"] == job_id
            return None if job["status"] in ("PENDING", "PROCESSING") else job

        return until(look)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Running]:
    """The site runs; the server is started by the test."""
    port, log = free_port(), tmp_path / "site.log"
    with running(["apps.keywords.site", "--port", str(port)], {}, log) as process:
        wait_until_listening(process, port, log)
        yield Running(tmp_path, f"http://127.0.0.1:{port}")
