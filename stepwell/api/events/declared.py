"""The connections of an app, made when its server starts.

Rules that must stay true here:
- A connection that is there already is updated: what the environment holds now counts.
- All variables that are missing are told at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from stepwell.api.context import ApiContext
from stepwell.api.events.operations import create_connection, update_connection
from stepwell.api.faults import ApiFault
from stepwell.api.request import Request
from stepwell.tasks.http.declared import DeclaredConnection


class ConnectionFault(Exception):
    """A connection cannot be made; the message says what to do."""


async def make_connections(
    declared: Mapping[str, DeclaredConnection], context: ApiContext, environ: Mapping[str, str]
) -> None:
    """Raises ConnectionFault."""
    faults = [
        f"connection {name!r}: {', '.join(missing)} is not set in the environment of the server."
        for name, connection in declared.items()
        if (missing := connection.missing(environ))
    ]
    if faults:
        raise ConnectionFault("\n".join(faults))
    for name, connection in declared.items():
        request = Request(context, context.region, connection.members(environ))
        try:
            await make_connection(request)
        except ApiFault as fault:
            raise ConnectionFault(f"connection {name!r}: {fault}") from fault


async def make_connection(request: Request) -> None:
    """Create a connection, or update it where it is there. Raises ApiFault."""
    try:
        await create_connection(request)
    except ApiFault as fault:
        if fault.shape != "ResourceAlreadyExistsException":
            raise
        await update_connection(request)
