"""Versions of state machines: revisions that were published and never change.

Rules that must stay true here:
- Publishing is idempotent by machine and revision; a description is only that of the first publication.
- Listing and deleting what is not there is no error: the service model gives neither operation one for it.
"""

from __future__ import annotations

from typing import Final

from stepwell.api import arns, faults
from stepwell.api.machines import DELETING, find_machine, machine_of
from stepwell.api.request import Answer, Request, seconds
from stepwell.store.protocol import MachineRow, Refusal, VersionRow

MAX_VERSIONS: Final = 1_000  # a machine (API reference, PublishStateMachineVersion)


async def publish_state_machine_version(request: Request) -> Answer:
    arn = request.text("stateMachineArn")
    row = await machine_of(request, arn)
    if row.status == DELETING:
        raise faults.machine_deleting(arn)
    wanted = request.optional_text("revisionId") or row.revision_id
    made = await publish(request, row, wanted, request.optional_text("description"))
    return {
        "stateMachineVersionArn": arns.version_arn(row.arn, made.number),
        "creationDate": seconds(made.creation_date),
    }


async def publish(request: Request, row: MachineRow, revision: str, description: str | None) -> VersionRow:
    """The version of a revision, which must be the present one.

    Raises ConflictException, ServiceQuotaExceededException, StateMachineDoesNotExist.
    """
    store = request.context.store
    made = await store.publish_version(row.id, revision, description or None, request.context.now(), MAX_VERSIONS)
    if isinstance(made, VersionRow):
        return made
    if made is Refusal.FULL:
        raise faults.quota_exceeded(
            f"The state machine has {MAX_VERSIONS} versions, and may not have more: '{row.arn}'"
        )
    current = await store.find_machine(row.arn)
    if made is Refusal.GONE or current is None:
        raise faults.machine_does_not_exist(row.arn)
    raise faults.conflict(
        f"Failed to publish the State Machine version for revision {revision}. "
        f"The current State Machine revision is {current.revision_id}."
    )


async def list_state_machine_versions(request: Request) -> Answer:
    context, size = request.context, request.page_size()
    arn = request.text("stateMachineArn")
    base = arns.unqualified(arn)
    token, below = request.optional_text("nextToken"), None
    if token is not None:
        below = int(context.page_tokens.open(token, "ListStateMachineVersions", (base,), context.now())[0])
    machine = await find_machine(request, base)
    if machine is None:
        return {"stateMachineVersions": []}
    rows = await context.store.list_versions(machine.id, below, size + 1)
    answer: Answer = {
        "stateMachineVersions": [
            {"stateMachineVersionArn": arns.version_arn(base, row.number), "creationDate": seconds(row.creation_date)}
            for row in rows[:size]
        ]
    }
    if len(rows) > size:
        position = (rows[size - 1].number,)
        answer["nextToken"] = context.page_tokens.issue("ListStateMachineVersions", (base,), position, context.now())
    return answer


async def delete_state_machine_version(request: Request) -> Answer:
    arn = request.text("stateMachineVersionArn")
    named = arns.machine(arn)
    number = None if named.qualifier is None else arns.version_number(named.qualifier)
    if number is None:
        raise faults.validation(f"The ARN must be that of a state machine version: '{arn}'")
    machine = await find_machine(request, named.base)
    if machine is not None:
        aliases = await request.context.store.delete_version(machine.id, number)
        if aliases:
            raise faults.conflict(
                "Version to be deleted must not be referenced by an alias. "
                f"Current list of aliases referencing this version: [{', '.join(aliases)}]"
            )
    return {}
