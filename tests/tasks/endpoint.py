"""A server that answers Lambda's Invoke as a test tells it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.patience import PATIENCE


@dataclass
class Endpoint:
    """`status`, `headers` and `body` are what is answered, once `answering` is set; `seen` are the requests: path,
    headers, body. `hung_up` is set when a client has gone before its answer."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"null"
    seen: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)
    asked: threading.Event = field(default_factory=threading.Event)
    answering: threading.Event = field(default_factory=threading.Event)
    hung_up: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def answers(self, value: object, status: int = 200, **headers: str) -> None:
        self.status = status
        self.body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.headers = {name.replace("_", "-"): text for name, text in headers.items()}


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    told = Endpoint()
    told.answering.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.seen.append((self.path, {name.lower(): text for name, text in self.headers.items()}, body))
            told.asked.set()
            if not told.answering.is_set():
                self.connection.settimeout(PATIENCE)
                if not self.connection.recv(1):
                    told.hung_up.set()
                return
            self.send_response(told.status)
            for name, text in told.headers.items():
                self.send_header(name, text)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        told.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield told
        server.shutdown()
        thread.join(PATIENCE)
