"""Redriving an execution: refused, done before, or taken in.

Rules that must stay true here:
- The same client token redrives once; where two requests meet, the later one looks again.
"""

from __future__ import annotations

from stepwell.engine.clock import Clock
from stepwell.engine.driver import Driver
from stepwell.engine.errors import ExecutionDoesNotExist, ExecutionNotRedrivable
from stepwell.engine.redrive import redriven_before, refusal
from stepwell.machine.stimulus import Redrive
from stepwell.store.protocol import Store


async def redrive(store: Store, driver: Driver, clock: Clock, arn: str, client_token: str | None) -> int:
    """When the execution was redriven. Raises ExecutionDoesNotExist, ExecutionNotRedrivable, StoreError."""
    while True:
        row = await store.find_execution(arn)
        if row is None:
            raise ExecutionDoesNotExist(arn)
        now = clock.now() if row.change.clock is None else row.change.clock
        before = redriven_before(row, client_token, now)
        if before is not None:
            return before
        reason = await refusal(store, row, now)
        if reason is not None:
            raise ExecutionNotRedrivable(reason)
        turn = await driver.submit(row.new.key, Redrive(client_token))
        if turn is not None and turn.redrive_date is not None:
            return turn.redrive_date
        # Another request came first: look again.
