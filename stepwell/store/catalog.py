"""What the house asks of a store beside executions: machines, their versions and aliases, activities, tags.

Rules that must stay true here:
- A definition is stored once, by its hash, and stays, and so does every revision: executions refer to them.
- Each write decides and writes in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final, Protocol

from msgspec import Struct

SENSITIVE: Final = "stepwell:sensitive"
"""The key of the tag that says which parts of a machine's inputs are secret."""


class MachineRow(Struct, frozen=True, kw_only=True):
    """A state machine at its newest revision. `id` is given by the store (0 while it has none)."""

    arn: str
    name: str
    type: str  # STANDARD or EXPRESS
    status: str  # ACTIVE or DELETING
    definition_hash: str
    role_arn: str
    creation_date: int
    update_date: int
    revision_id: str
    configuration: str  # JSON: loggingConfiguration, tracingConfiguration, encryptionConfiguration
    created_version: str | None = None  # the description of the version that creating it published; None: none
    sensitive: str | None = None  # the value of its tag SENSITIVE, as it is read; writing the row leaves tags alone
    id: int = 0


class RevisionRow(Struct, frozen=True, kw_only=True):
    """What a machine was between two updates. Revisions stay: versions and executions refer to them."""

    machine_id: int
    id: str
    definition_hash: str
    role_arn: str
    configuration: str
    update_date: int


class VersionRow(Struct, frozen=True, kw_only=True):
    """A revision that was published. Numbers of a machine rise from 1 and are never given again."""

    machine_id: int
    number: int
    revision_id: str
    creation_date: int
    description: str | None = None


class Route(Struct, frozen=True):
    """The share of an alias's executions, in percent, that a version gets."""

    version: int
    weight: int


class AliasRow(Struct, frozen=True, kw_only=True):
    """A name for one or two versions of a machine. `id` is given by the store (0 while it has none)."""

    machine_id: int
    name: str
    routes: tuple[Route, ...]
    creation_date: int
    update_date: int
    description: str | None = None
    id: int = 0


class Refusal(Enum):
    """Why a version or an alias was not written."""

    GONE = "gone"  # the machine, one of its versions or the alias is not there
    REVISED = "revised"  # the machine is at another revision
    FULL = "full"  # there are as many as are allowed


class ActivityRow(Struct, frozen=True):
    arn: str
    name: str
    creation_date: int
    configuration: str = "{}"  # JSON: encryptionConfiguration


class ListPosition(Struct, frozen=True):
    """Where a listing goes on: just behind the row with this date and key (newest first)."""

    date: int
    key: int


class Catalog(Protocol):
    """The part of a store that holds what executions are made of."""

    # -- definitions, machines
    async def put_definition(self, hash: str, text: str) -> None: ...

    async def definition(self, hash: str) -> str | None: ...

    async def create_machine(self, row: MachineRow, definition: str, tags: Mapping[str, str]) -> MachineRow | None:
        """The row with its id; None where the ARN is taken (nothing is written then)."""
        ...

    async def update_machine(self, row: MachineRow, definition: str | None) -> bool:
        """Replace the row with this `id`; a new revision id makes a revision.

        False where there is no such row, or where that is DELETING and the new one is not.
        """
        ...

    async def find_machine(self, arn: str) -> MachineRow | None: ...

    async def deleting_machines(self) -> Sequence[int]:
        """The ids of the machines that are DELETING."""
        ...

    async def delete_machine(self, id: int) -> None:
        """Remove a machine, its tags, versions and aliases; its executions and its revisions stay."""
        ...

    async def list_machines(self, arn_prefix: str, after: ListPosition | None, limit: int) -> Sequence[MachineRow]:
        """Machines whose ARN begins so (a region and an account), oldest first, behind `after` (date, id)."""
        ...

    # -- revisions, versions, aliases
    async def find_revision(self, machine_id: int, id: str) -> RevisionRow | None: ...

    async def publish_version(
        self, machine_id: int, revision_id: str, description: str | None, now: int, limit: int
    ) -> VersionRow | Refusal:
        """Make a version of the machine's revision, or answer the one that it has. GONE, REVISED or FULL."""
        ...

    async def find_version(self, machine_id: int, number: int) -> VersionRow | None: ...

    async def list_versions(self, machine_id: int, below: int | None, limit: int) -> Sequence[VersionRow]:
        """Newest first, with numbers below `below`."""
        ...

    async def delete_version(self, machine_id: int, number: int) -> Sequence[str]:
        """Remove a version unless aliases name it: then their names. Nothing where it was not there."""
        ...

    async def create_alias(self, row: AliasRow, limit: int) -> AliasRow | Refusal:
        """The row with its id, or the one that has the name already. GONE (one of the versions) or FULL."""
        ...

    async def update_alias(self, row: AliasRow) -> Refusal | None:
        """Replace the row with this `id`. GONE where it, or one of the versions, is not there."""
        ...

    async def find_alias(self, machine_id: int, name: str) -> AliasRow | None: ...

    async def list_aliases(
        self, machine_id: int, version: int | None, after: ListPosition | None, limit: int
    ) -> Sequence[AliasRow]:
        """Oldest first, behind `after` (date, id); only those that name `version` where it is given."""
        ...

    async def delete_alias(self, machine_id: int, name: str) -> bool:
        """False where there is none."""
        ...

    # -- activities, tags
    async def create_activity(self, row: ActivityRow, tags: Mapping[str, str]) -> bool:
        """False where the ARN is taken."""
        ...

    async def find_activity(self, arn: str) -> ActivityRow | None: ...

    async def delete_activity(self, arn: str) -> None: ...

    async def list_activities(
        self, arn_prefix: str, after: tuple[int, str] | None, limit: int
    ) -> Sequence[ActivityRow]:
        """Oldest first, behind `after` (creation date, name)."""
        ...

    async def tags(self, arn: str) -> Mapping[str, str]: ...

    async def set_tags(self, arn: str, set: Mapping[str, str], removed: Sequence[str], limit: int) -> bool:
        """Write tags in one transaction. False, and nothing written, where more than `limit` would result."""
        ...
