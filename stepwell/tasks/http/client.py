"""One HTTP request, to addresses that were checked, with bounds on its time and its answer.

Rules that must stay true here:
- The connection goes to an address of the target, whatever its name would resolve to by now; the certificate has to be
  the name's.
- Redirects are answers: they are not followed.
- One connection a request: nothing is sent twice because a connection was stale.
- Nothing waits on a thread.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from stepwell.engine.trace import headers_of
from stepwell.tasks.http.targets import Target

if TYPE_CHECKING:
    import httpcore

MAX_RESPONSE: Final = 262_144
"""Bytes of a body that are taken; AWS's quota of a task's result."""

SECONDS: Final = 60.0
"""How long a request may take (AWS Step Functions developer guide, "Call HTTPS APIs in Step Functions workflows")."""

_CONNECT_SECONDS: Final = 10.0


class NotInstalled(Exception):
    """The package that makes requests is missing; the message says how to install it."""


class NoAnswer(Exception):
    """No connection, no certificate, no answer in time; the message says why."""


class BadRequest(Exception):
    """The request cannot be sent as it is: a header with a line break, for example."""


class HttpRequest(Struct, frozen=True):
    """`url` is the whole address, `headers` pairs of name and value."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None = None


class HttpAnswer(Struct, frozen=True):
    """`headers` come in the order of the answer, with the names that they had; `body` has MAX_RESPONSE + 1 bytes where
    it is too large."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def in_trace(request: HttpRequest, trace: str | None) -> HttpRequest:
    """The request as part of a trace (see `stepwell.engine.trace`), in headers that it does not have itself."""
    if trace is None:
        return request
    named = {name.lower() for name, _ in request.headers}
    more = ((name, value) for name, value in headers_of(trace).items() if name not in named)
    return replace(request, headers=(*request.headers, *more))


async def send(request: HttpRequest, target: Target, seconds: float = SECONDS) -> HttpAnswer:
    """Raises NotInstalled, NoAnswer, BadRequest."""
    try:
        import httpcore
    except ImportError:
        raise NotInstalled(
            "HTTP tasks are sent by the package httpcore, which is not installed: install stepwell[http]."
        ) from None
    try:
        async with asyncio.timeout(seconds):
            return await _send(request, target)
    except TimeoutError:
        raise NoAnswer(f"There was no answer within {seconds:g} seconds") from None
    except httpcore.LocalProtocolError as error:
        raise BadRequest(str(error)) from error
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
        raise NoAnswer(str(error) or type(error).__name__) from error
    except (ssl.SSLError, OSError) as error:
        raise NoAnswer(str(error)) from error


async def _send(request: HttpRequest, target: Target) -> HttpAnswer:
    import httpcore

    host = _ascii(target.host)
    named = f"[{host}]" if ":" in host else host
    usual = target.port == (443 if target.scheme == "https" else 80)
    pool = httpcore.AsyncConnectionPool(ssl_context=_tls(), network_backend=_pinned(target.addresses))
    async with (
        pool,
        pool.stream(
            request.method,
            httpcore.URL(
                scheme=target.scheme.encode(),
                host=host.encode(),
                port=target.port,
                target=_target(request.url).encode("ascii"),
            ),
            headers=[
                (b"Host", (named if usual else f"{named}:{target.port}").encode()),
                *_encoded(request.headers),
                *((b"Content-Length", b"%d" % len(body)) for body in (request.body,) if body is not None),
            ],
            content=request.body,
            extensions={"timeout": {"connect": _CONNECT_SECONDS}},
        ) as response,
    ):
        body = bytearray()
        async for chunk in response.aiter_stream():
            body += chunk
            if len(body) > MAX_RESPONSE:
                break
        return HttpAnswer(
            response.status,
            response.extensions.get("reason_phrase", b"").decode("latin-1"),
            tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers),
            bytes(body[: MAX_RESPONSE + 1]),
        )


def _encoded(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    try:
        return [(name.encode("ascii"), value.encode("utf-8")) for name, value in headers]
    except UnicodeEncodeError as error:
        raise BadRequest("The name of a header has characters that are not ASCII") from error


def _ascii(host: str) -> str:
    return host if host.isascii() else host.encode("idna").decode("ascii")


def _target(url: str) -> str:
    """The path and the query of a URL, percent-encoded where they have to be."""
    from urllib.parse import quote, urlsplit

    parts = urlsplit(url)
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    return f"{path}?{quote(parts.query, safe=_QUERY)}" if parts.query else path


_QUERY: Final = "/%:@!$&'()*+,;=~-._?[]"


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _pinned(addresses: tuple[str, ...]) -> httpcore.AsyncNetworkBackend:
    """What connects to the given addresses, and to nothing else."""
    import httpcore

    plain = httpcore.AnyIOBackend()

    class Pinned(httpcore.AsyncNetworkBackend):
        async def connect_tcp(
            self,
            host: str,
            port: int,
            timeout: float | None = None,
            local_address: str | None = None,
            socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
        ) -> httpcore.AsyncNetworkStream:
            failed: Exception | None = None
            for address in addresses:
                try:
                    return await plain.connect_tcp(address, port, timeout, local_address, socket_options)
                except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                    failed = error
            raise failed or httpcore.ConnectError("there is no address to connect to")

    return Pinned()
