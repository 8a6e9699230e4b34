"""Who is told of executions' changes of status: the engine asks, and writes what is to be told with the very turn.

Rules that must stay true here:
- A notice is a row of the outbox of the turn that changes the status: what is durable is told, what is told is durable.
- `wants` is asked in every turn: it looks into memory, and no further.
- Children of map runs are told of by their map run's execution; Express executions have no turns, and no notices.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import orjson

from stepwell.engine.live import Live
from stepwell.engine.records import NOTICE, messages_of
from stepwell.machine.execution import Execution
from stepwell.machine.turn import Turn
from stepwell.store.protocol import EffectRow, NewExecution

_IDS = 1 << 40  # far above the ids of events, which other rows of the outbox have


class Notices(Protocol):
    def wants(self, machine_arn: str) -> bool:
        """Whether anybody is to be told of executions of this machine."""
        ...

    def told(self) -> None:
        """Notices were committed."""
        ...


class NoNotices:
    """Nobody is told."""

    def wants(self, machine_arn: str) -> bool:
        return False

    def told(self) -> None:
        pass


def told_by(live: Live, before: Execution, turn: Turn, now: int, wants: Callable[[str], bool]) -> list[EffectRow]:
    """What a turn tells: other executions, and those who are told of its status. `before` stands where it began."""
    identity, first = live.identity, live.new is not None
    assert identity is not None
    rows = messages_of(identity, turn, live.clock, first=first)
    if wants(identity.machine_arn):
        notice = _notice(identity, before, turn, now, first=first)
        if notice is not None:
            rows.append(notice)
    return rows


def _notice(identity: NewExecution, before: Execution, turn: Turn, now: int, *, first: bool) -> EffectRow | None:
    """What a turn is to tell: the statuses that the execution comes to with it, in order, and how it stands."""
    if identity.map_run_arn is not None:
        return None
    begins = first or turn.redrive_count != before.redrive_count
    statuses = ["RUNNING"] if begins else []
    if turn.status != "RUNNING":
        statuses.append(turn.status)
    if not statuses:
        return None
    standing = (statuses, now, turn.stop_date, turn.error, turn.cause, turn.redrive_count, turn.redrive_date)
    return EffectRow(_IDS + turn.last_event_id, NOTICE, "", None, orjson.dumps(standing))
