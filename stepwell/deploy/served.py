"""What the server of a template has besides what every app has: notices, activities, connections, versions, aliases,
HTTP routes.

Rules that must stay true here:
- To serve the same template again changes nothing: a version is published only where the definition is a new one.
- Nothing is deleted: what a template no longer names stays, with its executions.
- A server without a template imports nothing of what reads them: every start would pay for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from stepwell.api.arns import STATE_MACHINE, prefix
from stepwell.api.context import ApiContext
from stepwell.api.faults import ApiFault
from stepwell.api.handlers import HANDLERS
from stepwell.api.request import Request
from stepwell.app import AppError, Stepwell
from stepwell.language.values import Json
from stepwell.settings import Settings
from stepwell.tasks.lambda_service import LambdaService

if TYPE_CHECKING:
    from stepwell.api.gateway.routes import Api, Route
    from stepwell.deploy.description import MachineSpec
    from stepwell.deploy.template_app import TemplateApp


def notices_of(app: Stepwell) -> Sequence[str]:
    """What whoever serves the app should know, a line each: what of a template is not run, and why."""
    template = _template_of(app)
    return () if template is None else template.notices


def front_routes(app: Stepwell, functions: LambdaService, api: Api, settings: Settings) -> list[Route]:
    """The HTTP routes of a template, for `create_app`."""
    template = _template_of(app)
    if template is None:
        return []
    from stepwell.api.gateway.routes import Front, gateway_routes

    front = Front(
        functions=functions,
        api=api,
        region=settings.region,
        account=settings.account,
        hosts=(*settings.allowed_hosts, settings.host.strip("[]")),
        origins=settings.cors_origins,
    )
    return gateway_routes(template.routes, front)


async def make_resources(app: Stepwell, context: ApiContext) -> None:
    """Make a template's activities and connections, and the versions and aliases of its machines, which are in the
    store, as a client would. Raises AppError."""
    found = _template_of(app)
    if found is None:
        return
    from stepwell.api.events.declared import make_connection

    for name in found.template.activities:
        try:
            await _call(context, "CreateActivity", name=name)
        except ApiFault as fault:
            raise AppError(f"activity {name!r}: {fault.shape}: {fault}") from fault
    for connection in found.template.connections:
        try:
            await make_connection(Request(context, context.region, dict(connection.members)))
        except ApiFault as fault:
            raise AppError(f"connection {connection.name!r}: {fault.shape}: {fault}") from fault
    for machine in found.template.machines:
        try:
            await _qualify(machine, context)
        except ApiFault as fault:
            raise AppError(f"state machine {machine.name!r}: {fault.shape}: {fault}") from fault


def _template_of(app: Stepwell) -> TemplateApp | None:
    """The app where it is that of a template."""
    if type(app) is Stepwell:
        return None
    from stepwell.deploy.template_app import TemplateApp

    return app if isinstance(app, TemplateApp) else None


async def _qualify(machine: MachineSpec, context: ApiContext) -> None:
    if not (machine.publish or machine.aliases):
        return
    arn = prefix(context.region, context.account, STATE_MACHINE) + machine.name
    # Publishing what is published already answers that very version.
    published = await _call(context, "PublishStateMachineVersion", stateMachineArn=arn)
    routes: Json = [{"stateMachineVersionArn": published["stateMachineVersionArn"], "weight": 100}]
    listed = await _call(context, "ListStateMachineAliases", stateMachineArn=arn, maxResults=1000)
    known = {str(alias["stateMachineAliasArn"]) for alias in _objects(listed["stateMachineAliases"])}
    for name in machine.aliases:
        alias = f"{arn}:{name}"
        if alias in known:
            await _call(context, "UpdateStateMachineAlias", stateMachineAliasArn=alias, routingConfiguration=routes)
        else:
            await _call(context, "CreateStateMachineAlias", name=name, routingConfiguration=routes)


async def _call(context: ApiContext, operation: str, **members: Json) -> dict[str, Json]:
    return dict(await HANDLERS[operation](Request(context, context.region, members)))


def _objects(value: Json) -> Iterable[dict[str, Json]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
