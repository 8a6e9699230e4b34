"""Rows to fill a store with."""

from __future__ import annotations

from stepwell.store.protocol import (
    ActivityRow,
    EventRecord,
    ExecutionChange,
    MachineRow,
    NewExecution,
    TurnRecord,
)

ACCOUNT = "arn:aws:states:us-east-1:123456789012:"


def new_execution(key: int, *, name: str | None = None, machine_id: int = 1, start_date: int = 1000) -> NewExecution:
    name = name or f"run-{key}"
    return NewExecution(
        key=key,
        arn=f"{ACCOUNT}execution:Orders:{name}",
        machine_arn=f"{ACCOUNT}stateMachine:Orders",
        machine_id=machine_id,
        name=name,
        definition_hash="d" * 64,
        revision_id="r1",
        role_arn="arn:aws:iam::123456789012:role/Orders",
        start_date=start_date,
        input='{"order": 1.0}',
    )


def running(last_event_id: int = 1) -> ExecutionChange:
    return ExecutionChange(status="RUNNING", last_event_id=last_event_id)


def succeeded(stop_date: int, last_event_id: int = 2) -> ExecutionChange:
    return ExecutionChange(status="SUCCEEDED", last_event_id=last_event_id, stop_date=stop_date, output='{"done":true}')


def first_turn(key: int, *, name: str | None = None, machine_id: int = 1, start_date: int = 1000) -> TurnRecord:
    """The turn that starts an execution, with an event."""
    return TurnRecord(
        key=key,
        version=1,
        new=new_execution(key, name=name, machine_id=machine_id, start_date=start_date),
        change=running(),
        events=EventRecord(1, 1, b"started"),
    )


def machine(name: str, creation_date: int = 1000, account: str = ACCOUNT) -> MachineRow:
    return MachineRow(
        arn=f"{account}stateMachine:{name}",
        name=name,
        type="STANDARD",
        status="ACTIVE",
        definition_hash=f"hash-of-{name}",
        role_arn="arn:aws:iam::123456789012:role/Orders",
        creation_date=creation_date,
        update_date=creation_date,
        revision_id="r1",
        configuration="{}",
    )


def activity(name: str, creation_date: int = 1000, account: str = ACCOUNT) -> ActivityRow:
    return ActivityRow(f"{account}activity:{name}", name, creation_date)
