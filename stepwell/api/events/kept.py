"""Connections as they are kept: opened for a task that uses one.

Rules that must stay true here:
- A connection is opened in memory only, when a task asks for it.
"""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

from stepwell.api.context import ApiContext
from stepwell.api.events.places import place_and_name
from stepwell.api.events.shapes import AuthParameters, read, written
from stepwell.language.values import dumps, loads
from stepwell.store.connections import ConnectionRow
from stepwell.tasks.http.connection import Connection, ConnectionUnusable
from stepwell.vault.errors import CannotOpen, VaultUnavailable
from stepwell.vault.vault import Vault


class _Bound(Protocol):
    @property
    def context(self) -> ApiContext | None: ...


class KeptConnections:
    """See `Connections`. `server` has its context once it runs."""

    def __init__(self, server: _Bound) -> None:
        self._server = server

    async def find(self, arn: str) -> Connection:
        context, named = self._server.context, place_and_name(arn)
        row = None
        if context is not None and named is not None:
            row = await context.store.connections.find(*named)
        if context is None or row is None:
            raise ConnectionUnusable("ResourceNotFound", f"There is no connection {arn}.")
        try:
            parameters = await opened(context.engine.vault, row)
            return parameters.connection(row.arn, row.version, row.kind)
        except (CannotOpen, VaultUnavailable, ValueError, msgspec.ValidationError) as error:
            raise ConnectionUnusable(
                "InvalidConnectionState", f"The connection {arn} cannot be used: {error}"
            ) from error


async def sealed(vault: Vault, place: str, name: str, parameters: AuthParameters) -> bytes:
    """Raises VaultUnavailable."""
    return (await vault.cipher()).seal(dumps(written(parameters)), _ABOUT + place + name)


async def opened(vault: Vault, row: ConnectionRow) -> AuthParameters:
    """Raises VaultUnavailable, CannotOpen."""
    return read(loads((await vault.cipher()).open(row.box, _ABOUT + row.place + row.name)))


_ABOUT: Final = "connection "
