"""CreateConnection, UpdateConnection, DescribeConnection, DeleteConnection, ListConnections.

Rules that must stay true here:
- No answer and no error holds what is secret.
- A connection is authorized at once; a token of OAuth is fetched by the first task that needs it.

See Amazon EventBridge API reference.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from stepwell.api import faults
from stepwell.api.events.kept import opened, sealed
from stepwell.api.events.places import NAME, connection_arn, place_of
from stepwell.api.events.shapes import AuthParameters, read, written
from stepwell.api.faults import ApiFault
from stepwell.api.request import Answer, Handler, Request, seconds
from stepwell.language.values import Json, dumps, loads
from stepwell.store.connections import ConnectionRow
from stepwell.vault.errors import CannotOpen, VaultUnavailable

_KINDS: Final = ("API_KEY", "BASIC", "OAUTH_CLIENT_CREDENTIALS")
_PAGE: Final = 100


async def create_connection(request: Request) -> Answer:
    context, name = request.context, _name(request)
    kind = _kind(_text(request, "AuthorizationType"))
    parameters = _parameters(request.members.get("AuthParameters"))
    now = context.now()
    row = ConnectionRow(
        place=place_of(request.region, context.account),
        name=name,
        arn=connection_arn(request.region, context.account, name),
        kind=kind,
        description=_optional(request, "Description"),
        shown="{}",
        box=b"",
        version="",
        created=now,
        modified=now,
    )
    if not await context.store.connections.add(await _with(request, row, parameters)):
        raise ApiFault("ResourceAlreadyExistsException", f"Connection {name} already exists.")
    return _state(row)


async def update_connection(request: Request) -> Answer:
    row = await _found(request)
    kind = _kind(_optional(request, "AuthorizationType") or row.kind)
    parameters = await _opened(request, row)
    given = request.members.get("AuthParameters")
    if given is not None:
        merged = _merged(written(parameters), given)
        own = {"API_KEY": "ApiKeyAuthParameters", "BASIC": "BasicAuthParameters"}.get(kind, "OAuthParameters")
        if isinstance(merged, dict):  # what another type of authorization had is gone
            merged = {member: merged[member] for member in (own, "InvocationHttpParameters") if member in merged}
        parameters = _parameters(merged)
    description = _optional(request, "Description") if "Description" in request.members else row.description
    new = await _with(
        request, replace(row, kind=kind, description=description, modified=request.context.now()), parameters
    )
    if not await request.context.store.connections.replace(new, row.version):
        raise ApiFault("ConcurrentModificationException", f"Connection {row.name} was changed at the same time.")
    return {**_state(new), "LastAuthorizedTime": seconds(new.modified)}


async def describe_connection(request: Request) -> Answer:
    row = await _found(request)
    answer = {**_listed(row), "AuthParameters": loads(row.shown), "SecretArn": _secret_arn(row)}
    return answer if row.description is None else {**answer, "Description": row.description}


async def delete_connection(request: Request) -> Answer:
    row = await _found(request)
    await request.context.store.connections.remove(row.place, row.name)
    return {**_state(row), "ConnectionState": "DELETING", "LastAuthorizedTime": seconds(row.modified)}


async def list_connections(request: Request) -> Answer:
    state, limit = _optional(request, "ConnectionState"), request.members.get("Limit")
    if state not in (None, "AUTHORIZED"):
        return {"Connections": []}
    size = limit if isinstance(limit, int) and 1 <= limit <= _PAGE else _PAGE
    place = place_of(request.region, request.context.account)
    prefix, after = _optional(request, "NamePrefix") or "", _optional(request, "NextToken") or ""
    rows = await request.context.store.connections.listed(place, prefix, after, size + 1)
    answer: Answer = {"Connections": [_listed(row) for row in rows[:size]]}
    return {**answer, "NextToken": rows[size - 1].name} if len(rows) > size else answer


EVENTS: Final[Mapping[str, Handler]] = {
    "CreateConnection": create_connection,
    "DeleteConnection": delete_connection,
    "DescribeConnection": describe_connection,
    "ListConnections": list_connections,
    "UpdateConnection": update_connection,
}
"""By the operations' names."""


def members_of(given: Json) -> dict[str, Json]:
    """The members of a request. Raises ApiFault."""
    if not isinstance(given, dict):
        raise faults.serialization("The body is no JSON object")
    return given


async def _found(request: Request) -> ConnectionRow:
    name = _name(request)
    row = await request.context.store.connections.find(place_of(request.region, request.context.account), name)
    if row is None:
        raise ApiFault(
            "ResourceNotFoundException", f"Failed to describe the connection(s). Connection '{name}' does not exist."
        )
    return row


async def _with(request: Request, row: ConnectionRow, parameters: AuthParameters) -> ConnectionRow:
    """The row with these parameters, sealed. Raises ApiFault."""
    version = uuid.uuid4().hex
    try:
        parameters.connection(row.arn, version, row.kind)
        box = await sealed(request.context.engine.vault, row.place, row.name, parameters)
    except (ValueError, VaultUnavailable) as error:
        raise faults.validation(str(error)) from error
    return replace(row, shown=dumps(written(parameters.shown())), box=box, version=version)


async def _opened(request: Request, row: ConnectionRow) -> AuthParameters:
    try:
        return await opened(request.context.engine.vault, row)
    except (CannotOpen, VaultUnavailable) as error:
        raise faults.validation(str(error)) from error


def _parameters(given: Json) -> AuthParameters:
    try:
        return read(given)
    except msgspec.ValidationError as error:
        raise faults.validation(f"AuthParameters: {error}") from error


def _merged(old: Json, new: Json) -> Json:
    """What an update leaves out stays as it is; a list is given as a whole."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{name: _merged(old.get(name), value) for name, value in new.items()}}
    return new


def _name(request: Request) -> str:
    name = _text(request, "Name")
    if NAME.fullmatch(name) is None:
        raise faults.validation(f"Name '{name}' has to be 1 to 64 letters, digits, dots, hyphens and underscores.")
    return name


def _kind(given: str) -> str:
    if given not in _KINDS:
        raise faults.validation(f"AuthorizationType '{given}' is none of {', '.join(_KINDS)}.")
    return given


def _text(request: Request, name: str) -> str:
    value = _optional(request, name)
    if value is None:
        raise faults.validation(f"{name} is required.")
    return value


def _optional(request: Request, name: str) -> str | None:
    value = request.members.get(name)
    if not isinstance(value, str | None):
        raise faults.validation(f"{name} has to be a string.")
    return value


def _state(row: ConnectionRow) -> Answer:
    return {
        "ConnectionArn": row.arn,
        "ConnectionState": "AUTHORIZED",
        "CreationTime": seconds(row.created),
        "LastModifiedTime": seconds(row.modified),
    }


def _listed(row: ConnectionRow) -> Answer:
    own: Answer = {
        "AuthorizationType": row.kind,
        "LastAuthorizedTime": seconds(row.modified),
        "Name": row.name,
    }
    return {**_state(row), **own}


def _secret_arn(row: ConnectionRow) -> str:
    """Where AWS would keep what is secret; here it is in the vault."""
    _, partition, _, region, account, _ = row.arn.split(":", 5)
    number = row.arn.rpartition("/")[2]
    return f"arn:{partition}:secretsmanager:{region}:{account}:secret:events!connection/{row.name}/{number}"
