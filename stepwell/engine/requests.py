"""What the engine is asked, and what it answers.

Rules that must stay true here:
- Texts that clients gave (`input`, `output`) travel as the very text they were.
- Times are milliseconds since 1970 (UTC).
"""

from __future__ import annotations

from dataclasses import dataclass

from stepwell.store.protocol import MachineRow


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """One execution to start. `arn` is the execution's own; `definition_hash`, `role_arn` and `revision_id` default to
    those of the machine's newest revision."""

    machine: MachineRow
    arn: str
    name: str
    input: str
    trace_header: str | None = None
    test_case: str | None = None
    virtual: bool = False


@dataclass(frozen=True, slots=True)
class Started:
    arn: str
    start_date: int


@dataclass(frozen=True, slots=True)
class ActivityTask:
    """A task handed to an activity worker."""

    token: str
    input: str
