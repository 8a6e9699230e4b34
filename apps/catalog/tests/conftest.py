"""A vendor that really listens, and an environment that points at it."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from starlette.types import ASGIApp

from apps.catalog.vendor import VendorServer

CLIENT = ("catalog-app", "a-secret-of-the-app")


@dataclass
class Clock:
    """The vendor's clock, moved by hand."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass(frozen=True)
class RunningVendor:
    url: str
    jwt_key: str
    server: VendorServer
    clock: Clock

    def token(self, seconds: int = 3600) -> str:
        """A token of a user; one that has expired when `seconds` is negative."""
        return self.server.issue("ann", seconds)


@contextmanager
def listening(app: ASGIApp) -> Iterator[str]:
    """Serve an ASGI app on a free port of this machine; gives its URL."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture
def vendor() -> Iterator[RunningVendor]:
    """The vendor; its builds take 60 seconds by a clock that the test moves."""
    clock, jwt_key = Clock(), secrets.token_urlsafe(32)
    server = VendorServer(jwt_key, CLIENT, build_seconds=60, clock=clock)
    with listening(server.asgi()) as url:
        yield RunningVendor(url, jwt_key, server, clock)


@pytest.fixture
def database(vendor: RunningVendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The app set up against the vendor, but with no workflow to start; gives the file of its `catalog` table."""
    path = tmp_path / "data" / "catalog.db"
    monkeypatch.setenv("CATALOG_DATABASE", str(path))
    monkeypatch.setenv("CATALOG_JWT_KEY", vendor.jwt_key)
    monkeypatch.setenv("VENDOR_URL", vendor.url)
    monkeypatch.setenv("VENDOR_CLIENT_ID", CLIENT[0])
    monkeypatch.setenv("VENDOR_CLIENT_SECRET", CLIENT[1])
    monkeypatch.delenv("CATALOG_POLLER_STEP_FUNCTION_ARN", raising=False)
    return path
