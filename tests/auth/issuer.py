"""A stand-in for an OpenID Connect issuer: keys over HTTP, and tokens signed with them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.patience import PATIENCE


class Issuer:
    """Keys and tokens. `reads` counts how often the keys were fetched; `fails` makes that answer 503."""

    def __init__(self) -> None:
        self.url = ""
        self.reads = 0
        self.fails = False
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})

    def rotate(self, kid: str) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})

    def token(self, header: dict[str, str] | None = None, **claims: Any) -> str:
        """A good token of user `u-1`, with claims replaced; None leaves one out."""
        now = int(time.time())
        good = {"iss": self.url, "sub": "u-1", "aud": "app", "iat": now, "exp": now + 600}
        made = {name: value for name, value in {**good, **claims}.items() if value is not None}
        protected = {"alg": "RS256", "kid": self.key.kid, **(header or {})}
        return jwt.encode(protected, made, self.key, algorithms=["RS256", "RS512"])

    def answer(self, path: str) -> tuple[int, Any]:
        if path == "/.well-known/openid-configuration":
            return 200, {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        self.reads += 1
        return (
            (503, {}) if self.fails else (200, {"keys": [{"kty": "oct", "k": "AA"}, self.key.as_dict(private=False)]})
        )


@contextmanager
def issuing() -> Iterator[Issuer]:
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = issuer.answer(self.path)
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)
