"""What a state machine's ARN names: the machine as it is, as a version has it, or as an alias chooses.

Rules that must stay true here:
- An alias chooses anew for every start, by the weights of its routes.
"""

from __future__ import annotations

import secrets

from msgspec import Struct
from msgspec.structs import replace

from stepwell.store.protocol import MachineRow, Route, Store


class Target(Struct, frozen=True):
    """`machine` has the definition, the role and the revision that are meant."""

    machine: MachineRow
    version_arn: str | None = None
    alias_arn: str | None = None


async def find_target(store: Store, arn: str) -> Target | None:
    """What an ARN names, qualified or not; None where it names nothing."""
    parts = arn.split(":")
    machine = await store.find_machine(":".join(parts[:7]))
    if machine is None or len(parts) <= 7:
        return None if machine is None else Target(machine)
    if len(parts) > 8:
        return None
    number, alias_arn = (int(parts[7]), None) if parts[7].isdecimal() else (0, arn)
    if alias_arn is not None:
        alias = await store.find_alias(machine.id, parts[7])
        if alias is None:
            return None
        number = _choose(alias.routes)
    version = await store.find_version(machine.id, number)
    revision = None if version is None else await store.find_revision(machine.id, version.revision_id)
    if revision is None:
        return None
    meant = replace(
        machine,
        definition_hash=revision.definition_hash,
        role_arn=revision.role_arn,
        configuration=revision.configuration,
        revision_id=revision.id,
        update_date=revision.update_date,
    )
    return Target(meant, f"{machine.arn}:{number}", alias_arn)


def _choose(routes: tuple[Route, ...]) -> int:
    drawn = secrets.randbelow(100)
    for route in routes:
        if drawn < route.weight:
            return route.version
        drawn -= route.weight
    return routes[-1].version
