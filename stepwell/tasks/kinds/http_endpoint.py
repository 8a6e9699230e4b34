"""A function behind HTTP: a server that speaks AWS Lambda's Invoke, or a container with the Runtime Interface Emulator.

Rules that must stay true here:
- A URL is complete after it is described: what is called is decided here, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

EMULATED = "function"
"""The only name that the Runtime Interface Emulator knows."""


@dataclass(frozen=True, slots=True)
class HttpEndpoint:
    """`url` is the server's (`http://127.0.0.1:9000`), or with a path the whole address that an event is posted to.
    `function` is the function's name there; left out, it is what the Runtime Interface Emulator calls every one.
    Raises ValueError where the URL is none of http or https."""

    url: str
    function: str = EMULATED

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"url {self.url!r}: write it as http://HOST:PORT")
        if parts.username is not None or parts.password is not None:
            raise ValueError("url: it may hold no user and no password")

    @property
    def invocations(self) -> str:
        """The URL that events are posted to."""
        if urlsplit(self.url).path not in ("", "/"):
            return self.url
        return f"{self.url.rstrip('/')}/2015-03-31/functions/{quote(self.function, safe='')}/invocations"

    def usual_concurrency(self) -> int:
        """An emulator serves one call at a time; a server that knows names takes many."""
        return 1 if self.invocations.endswith(f"/functions/{EMULATED}/invocations") else 64

    def variables(self, inherited: Mapping[str, str]) -> dict[str, str]:
        return {}

    def configuration(self) -> dict[str, str]:
        """The members that GetFunctionConfiguration has for this kind."""
        return {"PackageType": "Image"}
