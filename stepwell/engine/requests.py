"""What the engine is asked, and what it answers.

Rules that must stay true here:
- Texts that clients gave (`input`, `output`) travel as the very text they were.
- Times are milliseconds since 1970 (UTC).
"""

from __future__ import annotations

from msgspec import Struct

from stepwell.store.jobs import NewJob
from stepwell.store.protocol import MachineRow, NewExecution
from stepwell.store.vault import VaultChange


class StartRequest(Struct, frozen=True, kw_only=True):
    """One execution to start. `arn` is the execution's own; `machine` has the definition, the role and the revision
    that are meant: those of the version where `version_arn` names one. `virtual` asks for a virtual clock that begins
    now, `clock` for one that begins then; with `tokens_hold_clock` it does not jump while a token or a worker could
    still tell an end. For the parent and the job see `NewExecution`; `key` is None where the engine is to draw one.

    `sensitive` says what of the input is secret (a text of marks), on top of what the machine's tag and the settings
    say. `brand` is that of the sealed values that the execution inherits from whoever starts it; `sealed` is what the
    engine has taken out of the input. `trace` is what it is part of (see `stepwell.engine.trace`)."""

    machine: MachineRow
    arn: str
    name: str
    input: str
    trace_header: str | None = None
    version_arn: str | None = None
    alias_arn: str | None = None
    test_case: str | None = None
    virtual: bool = False
    clock: int | None = None
    tokens_hold_clock: bool = False
    parent_key: int | None = None
    parent_token: str | None = None
    awaited_by: str | None = None
    key: int | None = None
    job: NewJob | None = None
    sensitive: str | None = None
    brand: str | None = None
    sealed: VaultChange | None = None
    trace: str | None = None

    def row(self, key: int, start_date: int) -> NewExecution:
        """What the store keeps of the execution, for good. `key` is the store's own name for it."""
        machine = self.machine
        return NewExecution(
            key=key,
            arn=self.arn,
            machine_arn=machine.arn,
            machine_id=machine.id,
            name=self.name,
            definition_hash=machine.definition_hash,
            revision_id=machine.revision_id,
            role_arn=machine.role_arn,
            start_date=start_date,
            input=self.input,
            trace_header=self.trace_header,
            version_arn=self.version_arn,
            alias_arn=self.alias_arn,
            test_case=self.test_case,
            parent_key=self.parent_key,
            parent_token=self.parent_token,
            awaited_by=self.awaited_by,
            tokens_hold_clock=self.tokens_hold_clock,
            job=self.job,
            brand=self.brand,
            trace=self.trace,
        )


class Started(Struct, frozen=True):
    arn: str
    start_date: int


class ActivityTask(Struct, frozen=True):
    """A task handed to an activity worker; `trace` is what it is part of (see `stepwell.engine.trace`)."""

    token: str
    input: str
    trace: str | None = None
