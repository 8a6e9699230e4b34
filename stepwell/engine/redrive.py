"""Which executions can be redriven, and which request is one that was answered before.

Rules that must stay true here:
- A refusal has the words that AWS gives it (API reference, `redriveStatusReason` of DescribeExecution).
- A child of a map run is not redriven by itself (AWS documentation, "Redriving Map Runs").
- What is answered rests on what is durable; the machine decides once more when the turn is computed.
"""

from __future__ import annotations

from typing import Final

from stepwell.machine.codec import decode_data
from stepwell.store.protocol import ExecutionRow, Store

_DAY: Final = 24 * 60 * 60 * 1000
PERIOD: Final = 14 * _DAY  # milliseconds after the end (API reference, RedriveExecution)
MAX_OPEN: Final = 365 * _DAY  # milliseconds after the start
MAX_EVENTS: Final = 24_999  # a history must be shorter than this
TOKEN_LIFETIME: Final = 15 * 60 * 1000  # milliseconds (API reference, `clientToken`)


def child_refusal(row: ExecutionRow, now: int) -> str | None:
    """Why a map run cannot redrive a child of its own at this time, by the child's clock; None where it can."""
    change = row.change
    if change.status in ("RUNNING", "SUCCEEDED"):
        return f"Execution is {change.status} and cannot be redriven"
    if change.last_event_id >= MAX_EVENTS and not row.new.unlogged:
        return "Execution history event limit exceeded"
    if change.stop_date is not None and now - change.stop_date > PERIOD:
        return "Execution redrivable period exceeded"
    return None


async def refusal(store: Store, row: ExecutionRow, now: int) -> str | None:
    """Why an execution cannot be redriven at this time, by the execution's clock; None where it can be."""
    change = row.change
    if change.status in ("RUNNING", "SUCCEEDED"):
        return f"Execution is {change.status} and cannot be redriven"
    if row.new.map_run_arn is not None:
        return "Execution is a child of a Map Run and cannot be redriven by itself"
    machine = await store.find_machine(row.new.machine_arn)
    if machine is None or machine.id != row.new.machine_id or machine.status != "ACTIVE":
        return "State machine is in DELETING status"
    if change.last_event_id >= MAX_EVENTS:
        return "Execution history event limit exceeded"
    if now - row.new.start_date > MAX_OPEN:
        return "Execution has exceeded the max execution time"
    if change.stop_date is not None and now - change.stop_date > PERIOD:
        return "Execution redrivable period exceeded"
    return None


def redriven_before(row: ExecutionRow, client_token: str | None, now: int) -> int | None:
    """When the very same request has redriven the execution; None where it has not."""
    for token in decode_data(row.change.data)[1]:
        if token.text == client_token and now - token.date <= TOKEN_LIFETIME:
            return token.date
    return None
