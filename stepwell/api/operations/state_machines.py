"""State machines.

Rules that must stay true here:
- Creating is idempotent by name, definition, type, configuration and the version that it publishes; role and tags are
  not compared and not applied.
- A revision is new only when the definition, the role or the configuration has changed; a machine that was never
  changed has none to show.
- The ARN of a version answers the version as it was published; that of an alias, one of its versions.
"""

from __future__ import annotations

import uuid

from msgspec.structs import replace

from stepwell.api import arns, configuration, faults, tagging
from stepwell.api.configuration import Configuration
from stepwell.api.machines import ACTIVE, DELETING, INITIAL_REVISION, is_there, machine_of, target_of
from stepwell.api.names import check_name
from stepwell.api.operations.definitions import check_definition, reference_members
from stepwell.api.operations.versions import publish
from stepwell.api.request import Answer, Request, seconds
from stepwell.engine.programs import definition_hash
from stepwell.language.values import Json
from stepwell.store.protocol import ListPosition, MachineRow


async def create_state_machine(request: Request) -> Answer:
    store = request.context.store
    name = check_name(request.text("name"))
    arn = arns.prefix(request.region, request.context.account, arns.STATE_MACHINE) + name
    _check_version_members(request)
    arns.check_role(request.text("roleArn"))
    wanted = configuration.requested(request)
    await configuration.check_log_group(request, wanted)
    tags = tagging.requested_tags(request)
    if len(tags) > tagging.MAX_TAGS:
        raise faults.too_many_tags(arn, tagging.MAX_TAGS)
    definition = request.text("definition")
    machine_type = request.optional_text("type") or "STANDARD"
    await check_definition(definition, machine_type)
    now = request.context.now()
    row = MachineRow(
        arn=arn,
        name=name,
        type=machine_type,
        status=ACTIVE,
        definition_hash=definition_hash(definition),
        role_arn=request.text("roleArn"),
        creation_date=now,
        update_date=now,
        revision_id=INITIAL_REVISION,
        configuration=wanted.text(),
        created_version=(request.optional_text("versionDescription") or "") if request.flag("publish") else None,
    )
    made = await store.create_machine(row, definition, tags)
    if made is None:
        made = await _existing(request, row) or await store.create_machine(row, definition, tags)
    if made is None:
        raise faults.machine_already_exists(arn)
    answer: Answer = {"stateMachineArn": made.arn, "creationDate": seconds(made.creation_date)}
    if made.created_version is not None:
        version = await publish(request, made, made.revision_id, made.created_version)
        answer["stateMachineVersionArn"] = arns.version_arn(made.arn, version.number)
    return answer


async def describe_state_machine(request: Request) -> Answer:
    target = await target_of(request, request.text("stateMachineArn"))
    row, version = target.machine, target.version
    found = configuration.stored(row.configuration)
    definition: str | None = "{}"
    if request.optional_text("includedData") != "METADATA_ONLY":
        definition = await request.context.store.definition(row.definition_hash)
    answer: Answer = {
        "stateMachineArn": target.version_arn or row.arn,
        "name": row.name,
        "status": row.status,
        "definition": definition,
        "roleArn": row.role_arn,
        "type": row.type,
        "creationDate": seconds(row.creation_date if version is None else version.creation_date),
        **configuration_members(found),
        **await reference_members(definition),
    }
    if row.revision_id != INITIAL_REVISION:
        answer["revisionId"] = row.revision_id
    if version is not None and version.description is not None:
        answer["description"] = version.description
    return answer


async def update_state_machine(request: Request) -> Answer:
    arn = arns.unqualified(request.text("stateMachineArn"))
    definition, role = request.optional_text("definition"), request.optional_text("roleArn")
    parts = ("loggingConfiguration", "tracingConfiguration", "encryptionConfiguration")
    if definition is None and role is None and all(request.structure(part) is None for part in parts):
        raise faults.missing_required(
            "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration "
            "must be specified"
        )
    _check_version_members(request)
    row = await machine_of(request, arn)
    if row.status == DELETING:
        raise faults.machine_deleting(arn)
    if role is not None:
        arns.check_role(role)
    if definition is not None:
        await check_definition(definition, row.type)
    asked = configuration.requested(request, configuration.stored(row.configuration))
    await configuration.check_log_group(request, asked)
    wanted = replace(
        row,
        definition_hash=row.definition_hash if definition is None else definition_hash(definition),
        role_arn=role or row.role_arn,
        configuration=asked.text(),
    )
    if wanted != row:
        wanted = replace(wanted, revision_id=str(uuid.uuid4()), update_date=request.context.now())
        if not await request.context.store.update_machine(wanted, definition):
            raise faults.machine_does_not_exist(arn)
    answer: Answer = {"updateDate": seconds(wanted.update_date)}
    if wanted.revision_id != INITIAL_REVISION:
        answer["revisionId"] = wanted.revision_id
    if request.flag("publish"):
        description = request.optional_text("versionDescription")
        version = await publish(request, wanted, wanted.revision_id, description)
        answer["stateMachineVersionArn"] = arns.version_arn(wanted.arn, version.number)
    return answer


async def delete_state_machine(request: Request) -> Answer:
    """Running executions end at their next transition. Deleting what is not there is no error (recorded for activities;
    API reference for machines)."""
    store = request.context.store
    arn = arns.unqualified(request.text("stateMachineArn"))
    row = await store.find_machine(arn)
    if row is None:
        return {}
    if row.status != DELETING:
        # First of all no execution may start any more; then those that run are counted.
        row = replace(row, status=DELETING)
        if not await store.update_machine(row, None):
            return {}
    request.context.engine.end_executions(row.id)
    if not await store.has_executions(row.id, "RUNNING"):
        await store.delete_machine(row.id)
    return {}


async def list_state_machines(request: Request) -> Answer:
    context, size = request.context, request.page_size()
    prefix = arns.prefix(request.region, context.account, arns.STATE_MACHINE)
    after: ListPosition | None = None
    token = request.optional_text("nextToken")
    if token is not None:
        date, key = context.page_tokens.open(token, "ListStateMachines", (prefix,), context.now())
        after = ListPosition(int(date), int(key))
    rows = await context.store.list_machines(prefix, after, size + 1)
    answer: Answer = {"stateMachines": [_listed(row) for row in rows[:size] if await is_there(request, row)]}
    if len(rows) > size:
        last = rows[size - 1]
        position = (last.creation_date, last.id)
        answer["nextToken"] = context.page_tokens.issue("ListStateMachines", (prefix,), position, context.now())
    return answer


def configuration_members(found: Configuration) -> dict[str, Json]:
    """A configuration as the members of an answer."""
    return {
        "loggingConfiguration": found.logging,
        "tracingConfiguration": found.tracing,
        "encryptionConfiguration": found.encryption,
    }


async def _existing(request: Request, wanted: MachineRow) -> MachineRow | None:
    """The machine that has the name already, where the request asks for the very same; None where it is gone."""
    row = await request.context.store.find_machine(wanted.arn)
    if row is None or not await is_there(request, row):
        return None
    if row.status == DELETING:
        raise faults.machine_deleting(row.arn)
    same = (row.definition_hash, row.type, row.configuration, row.created_version)
    if same != (wanted.definition_hash, wanted.type, wanted.configuration, wanted.created_version):
        raise faults.machine_already_exists(row.arn)
    return row


def _listed(row: MachineRow) -> Json:
    return {
        "stateMachineArn": row.arn,
        "name": row.name,
        "type": row.type,
        "creationDate": seconds(row.creation_date),
    }


def _check_version_members(request: Request) -> None:
    if request.optional_text("versionDescription") is not None and not request.flag("publish"):
        raise faults.validation("Version description can only be set when publish is true")
