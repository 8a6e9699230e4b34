"""Aliases of state machines: names for one or two of their versions.

Rules that must stay true here:
- An alias names versions of one machine only, with weights that sum to 100; the machine is told by the versions.
- Creating is idempotent by name, description and routes.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from stepwell.api import arns, faults
from stepwell.api.machines import DELETING, find_machine
from stepwell.api.request import Answer, Request, seconds
from stepwell.language.values import Json
from stepwell.store.protocol import AliasRow, ListPosition, MachineRow, Refusal, Route

MAX_ALIASES: Final = 100  # a machine (API reference, CreateStateMachineAlias)


async def create_state_machine_alias(request: Request) -> Answer:
    name, now = request.text("name"), request.context.now()
    base, routes = _requested_routes(request.items("routingConfiguration"))
    machine = await _machine_of(request, base)
    wanted = AliasRow(
        machine_id=machine.id,
        name=name,
        routes=routes,
        creation_date=now,
        update_date=now,
        description=request.optional_text("description"),
    )
    made = await request.context.store.create_alias(wanted, MAX_ALIASES)
    if made is Refusal.FULL:
        raise faults.quota_exceeded(f"The state machine has {MAX_ALIASES} aliases, and may not have more: '{base}'")
    if not isinstance(made, AliasRow):
        raise faults.referenced_resource_not_found()
    if (made.description, made.routes) != (wanted.description, wanted.routes):
        raise faults.conflict(f"An alias of this name exists, with another description or other routes: '{name}'")
    return {
        "stateMachineAliasArn": arns.alias_arn(base, made.name),
        "creationDate": seconds(made.creation_date),
    }


async def describe_state_machine_alias(request: Request) -> Answer:
    machine, row = await _alias_of(request)
    answer: Answer = {
        "stateMachineAliasArn": arns.alias_arn(machine.arn, row.name),
        "name": row.name,
        "routingConfiguration": [
            {"stateMachineVersionArn": arns.version_arn(machine.arn, route.version), "weight": route.weight}
            for route in row.routes
        ],
        "creationDate": seconds(row.creation_date),
        "updateDate": seconds(row.update_date),
    }
    if row.description is not None:
        answer["description"] = row.description
    return answer


async def update_state_machine_alias(request: Request) -> Answer:
    description = request.optional_text("description")
    given = request.items("routingConfiguration")
    if description is None and not given:
        raise faults.validation(
            "Either the description or the routing configuration must be specified", "MISSING_REQUIRED_PARAMETER"
        )
    base, routes = _requested_routes(given) if given else (None, ())
    machine, row = await _alias_of(request)
    if machine.status == DELETING:
        raise faults.machine_deleting(machine.arn)
    if base is not None and base != machine.arn:
        raise faults.invalid_routing("Routing configuration must contain versions of the alias's own state machine.")
    wanted = replace(
        row, description=row.description if description is None else description, routes=routes or row.routes
    )
    if wanted != row:
        wanted = replace(wanted, update_date=request.context.now())
        if await request.context.store.update_alias(wanted) is not None:
            raise faults.referenced_resource_not_found()
    return {"updateDate": seconds(wanted.update_date)}


async def delete_state_machine_alias(request: Request) -> Answer:
    machine, row = await _alias_of(request)
    if not await request.context.store.delete_alias(machine.id, row.name):
        raise faults.referenced_resource_not_found()
    return {}


async def list_state_machine_aliases(request: Request) -> Answer:
    context, size = request.context, request.page_size()
    arn = request.text("stateMachineArn")
    named = arns.machine(arn)
    version = None if named.qualifier is None else arns.version_number(named.qualifier)
    if named.qualifier is not None and version is None:
        raise faults.validation(f"The ARN must be that of a state machine or of a version: '{arn}'")
    token, after = request.optional_text("nextToken"), None
    if token is not None:
        date, key = context.page_tokens.open(token, "ListStateMachineAliases", (arn,), context.now())
        after = ListPosition(int(date), int(key))
    machine = await find_machine(request, named.base)
    if machine is None:
        raise faults.machine_does_not_exist(arn)
    rows = await context.store.list_aliases(machine.id, version, after, size + 1)
    answer: Answer = {
        "stateMachineAliases": [
            {
                "stateMachineAliasArn": arns.alias_arn(machine.arn, row.name),
                "creationDate": seconds(row.creation_date),
            }
            for row in rows[:size]
        ]
    }
    if len(rows) > size:
        last = rows[size - 1]
        position = (last.creation_date, last.id)
        answer["nextToken"] = context.page_tokens.issue("ListStateMachineAliases", (arn,), position, context.now())
    return answer


def _requested_routes(given: list[Json]) -> tuple[str, tuple[Route, ...]]:
    """The machine's ARN and the routes that a request asks for. Raises InvalidArn, ValidationException."""
    asked = [_pair(item) for item in given]
    shown = f"[{', '.join(arn for arn, _ in asked)}]"
    bases: list[str] = []
    routes: list[Route] = []
    for arn, weight in asked:
        named = arns.machine(arn)
        number = None if named.qualifier is None else arns.version_number(named.qualifier)
        if number is None:
            raise faults.invalid_routing(
                f"Routing configuration must contain state machine version ARNs. Received: {shown}"
            )
        bases.append(named.base)
        routes.append(Route(number, weight))
    if len(set(bases)) > 1:
        raise faults.invalid_routing(
            f"Routing configuration must contain versions of the same state machine. Received: {shown}"
        )
    if len({route.version for route in routes}) < len(routes):
        raise faults.invalid_routing(
            f"Routing configuration must contain distinct state machine version ARNs. Received: {shown}"
        )
    if sum(route.weight for route in routes) != 100:
        weights = [route.weight for route in routes]
        raise faults.invalid_routing(f"Sum of routing configuration weights must equal 100. Received: {weights}")
    return bases[0], tuple(routes)


def _pair(item: Json) -> tuple[str, int]:
    assert isinstance(item, dict)
    arn, weight = item["stateMachineVersionArn"], item["weight"]
    assert isinstance(arn, str)
    assert isinstance(weight, int)
    return arn, weight


async def _machine_of(request: Request, base: str) -> MachineRow:
    machine = await find_machine(request, base)
    if machine is None:
        raise faults.referenced_resource_not_found()
    if machine.status == DELETING:
        raise faults.machine_deleting(base)
    return machine


async def _alias_of(request: Request) -> tuple[MachineRow, AliasRow]:
    """The alias that a request names, and its machine. Raises InvalidArn, ValidationException, ResourceNotFound."""
    arn = request.text("stateMachineAliasArn")
    named = arns.machine(arn)
    if named.qualifier is None or arns.version_number(named.qualifier) is not None:
        raise faults.validation(f"The ARN must be that of a state machine alias: '{arn}'")
    machine = await find_machine(request, named.base)
    row = None if machine is None else await request.context.store.find_alias(machine.id, named.qualifier)
    if machine is None or row is None:
        raise faults.referenced_resource_not_found()
    return machine, row
