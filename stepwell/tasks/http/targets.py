"""Whom a state machine may call: the public Internet, and what the settings name.

Rules that must stay true here:
- An address is checked after the name was resolved, and the very address that was checked is connected to: a name
  that is resolved a second time cannot lead elsewhere.
- One address of a name that is not public refuses the name.
- An address inside of an address (IPv4 in IPv6) is checked as what it leads to.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from msgspec import Struct

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve: TypeAlias = Callable[[str, int], Awaitable[tuple[str, ...]]]

_PROTOCOLS: Final = ipaddress.ip_network("192.0.0.0/24")  # RFC 6890; a cloud keeps its metadata at 192.0.0.192
_NAT64: Final = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
_SETTING: Final = "http_allowed_hosts in stepwell.toml (STEPWELL_HTTP_ALLOWED_HOSTS)"


class NotAllowed(Exception):
    """The target may not be called; the message says what to do."""


class Unresolved(Exception):
    """The name of the target is not known."""


class Target(Struct, frozen=True):
    """An origin, and the addresses to connect to, in this order."""

    scheme: str
    host: str
    port: int
    addresses: tuple[str, ...]


class Targets:
    """`allowed` names hosts that need not be public: `localhost`, `localhost:8080`, `.internal.example` for all below
    it, an address; `all` stands for every one."""

    def __init__(self, allowed: Sequence[str], resolve: Resolve | None = None) -> None:
        self._resolve = resolve or resolved
        self._allowed = frozenset(name.lower().rstrip(".") for name in allowed)

    async def find(self, url: str) -> Target:
        """Where a URL leads. Raises NotAllowed, Unresolved; ValueError where it is no URL of HTTP."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"'{url.partition('?')[0]}' is no address that begins with https://")
        if parts.username is not None or parts.password is not None:
            raise ValueError("an address with a user's name or password in it is not called: use a connection")
        host = parts.hostname.rstrip(".").lower()
        port = parts.port or (443 if parts.scheme == "https" else 80)
        named = self._is_named(host, port)
        if parts.scheme == "http" and not named:
            raise NotAllowed(
                f"'http://{parts.netloc}' is not HTTPS. To call it all the same, add {host} to {_SETTING}."
            )
        addresses = await self._resolve(host, port)
        for address in () if named else addresses:
            if not is_public(ipaddress.ip_address(address.partition("%")[0])):
                raise NotAllowed(
                    f"The host '{host}' is at {address}, which is no public address. To call it all the same, add "
                    f"{host} to {_SETTING}."
                )
        return Target(parts.scheme, host, port, addresses)

    def _is_named(self, host: str, port: int) -> bool:
        if "all" in self._allowed or host in self._allowed or f"{host}:{port}" in self._allowed:
            return True
        return any(name.startswith(".") and host.endswith(name) for name in self._allowed)


def is_public(address: Address) -> bool:
    """Whether anybody may be called there: no loopback, private, link-local, shared, reserved or multicast address."""
    inner = _inner(address)
    if inner is not None:
        return is_public(inner)
    return address.is_global and not address.is_multicast and address not in _PROTOCOLS


def _inner(address: Address) -> Address | None:
    """The IPv4 address that an IPv6 address leads to."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in _NAT64) or (address in _COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


async def resolved(host: str, port: int) -> tuple[str, ...]:
    """The addresses of a host, as the system finds them. Raises Unresolved."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unresolved(f"The host '{host}' cannot be found: {error}") from error
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))
