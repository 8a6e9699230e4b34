"""The machine, or the version of one, that an ARN names.

Rules that must stay true here:
- A machine with running executions is not removed but DELETING; it is gone with the first look at it after the last of
  them has ended.
- An alias is resolved once a request, by chance and by its weights.
- What is not there is StateMachineDoesNotExist, with the ARN as it was asked for.
"""

from __future__ import annotations

import secrets
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from stepwell.api import arns, faults
from stepwell.api.request import Request
from stepwell.store.protocol import AliasRow, MachineRow, Route, VersionRow

INITIAL_REVISION: Final = "INITIAL"
ACTIVE: Final = "ACTIVE"
DELETING: Final = "DELETING"


class Target(Struct, frozen=True):
    """What an ARN names. `machine` has the definition, role, configuration and revision that are meant: those of
    `version` where there is one. `alias` is the one through which the version was chosen."""

    machine: MachineRow
    version: VersionRow | None = None
    alias: AliasRow | None = None

    @property
    def version_arn(self) -> str | None:
        return None if self.version is None else arns.version_arn(self.machine.arn, self.version.number)

    @property
    def alias_arn(self) -> str | None:
        return None if self.alias is None else arns.alias_arn(self.machine.arn, self.alias.name)


async def machine_of(request: Request, arn: str) -> MachineRow:
    """The machine of an unqualified ARN. Raises InvalidArn, StateMachineDoesNotExist."""
    row = await find_machine(request, arns.unqualified(arn))
    if row is None:
        raise faults.machine_does_not_exist(arn)
    return row


async def find_machine(request: Request, arn: str) -> MachineRow | None:
    """The machine that has this very ARN."""
    row = await request.context.store.find_machine(arn)
    return row if row is not None and await is_there(request, row) else None


async def is_there(request: Request, row: MachineRow) -> bool:
    """False, and the machine removed, where it was being deleted and its last execution has ended."""
    if row.status != DELETING or await request.context.store.has_executions(row.id, "RUNNING"):
        return True
    await request.context.store.delete_machine(row.id)
    return False


async def target_of(request: Request, arn: str) -> Target:
    """What an ARN names, qualified or not. Raises InvalidArn, ValidationException, StateMachineDoesNotExist."""
    named = arns.machine(arn)
    if named.qualifier is None:
        return Target(await machine_of(request, arn))
    arns.refuse_label(arn)
    machine = await find_machine(request, named.base)
    if machine is None:
        raise faults.machine_does_not_exist(arn)
    number, alias = arns.version_number(named.qualifier), None
    if number is None:
        alias = await request.context.store.find_alias(machine.id, named.qualifier)
        if alias is None:
            raise faults.machine_does_not_exist(arn)
        number = _choose(alias.routes)
    version = await request.context.store.find_version(machine.id, number)
    if version is None:
        raise faults.machine_does_not_exist(arn)
    return Target(await _at_version(request, machine, version), version, alias)


async def _at_version(request: Request, machine: MachineRow, version: VersionRow) -> MachineRow:
    """The machine as it was when the version was published."""
    revision = await request.context.store.find_revision(machine.id, version.revision_id)
    if revision is None:
        raise faults.machine_does_not_exist(machine.arn)
    return replace(
        machine,
        definition_hash=revision.definition_hash,
        role_arn=revision.role_arn,
        configuration=revision.configuration,
        revision_id=revision.id,
        update_date=revision.update_date,
    )


def _choose(routes: tuple[Route, ...]) -> int:
    drawn = secrets.randbelow(100)
    for route in routes:
        if drawn < route.weight:
            return route.version
        drawn -= route.weight
    return routes[-1].version
