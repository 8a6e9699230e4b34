"""What the house asks of a store about notifications: who wants them, and what is on its way to them.

Rules that must stay true here:
- What a turn tells becomes deliveries in the transaction that takes it off the outbox.
- Deliveries of one lane are due one after the other, in the order in which they were written; one that is dead lets the
  next go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class RuleRow(Struct, frozen=True, kw_only=True):
    """Executions of `machine` (an ARN, or `*`) that come to one of `statuses` are told through `channel` (JSON)."""

    machine: str
    statuses: tuple[str, ...]
    channel: str
    created: int
    declared: bool = False
    id: int = 0


class NewDelivery(Struct, frozen=True, kw_only=True):
    """`destination` is what is bounded and rested together, `channel` says how it is sent."""

    event_id: str
    lane: str
    destination: str
    channel: str
    body: str
    created: int


class DeliveryRow(Struct, frozen=True, kw_only=True):
    """A delivery without its body. `died` is when it was given up; `attempts` counts the tries that failed."""

    id: int
    event_id: str
    destination: str
    channel: str
    created: int
    attempts: int
    died: int | None
    error: str | None


class Notices(Protocol):
    """The part of a store that holds notifications."""

    # -- rules
    async def rules(self) -> Sequence[RuleRow]: ...

    async def add_rule(self, row: RuleRow) -> RuleRow:
        """The row with its id; one of the same machine and channel is replaced."""
        ...

    async def remove_rule(self, id: int) -> bool:
        """False where there is none."""
        ...

    async def declare_rules(self, rows: Sequence[RuleRow]) -> None:
        """Make these the rules that an app declares."""
        ...

    # -- deliveries
    async def write(self, deliveries: Sequence[NewDelivery], settled: Sequence[tuple[int, int]] = ()) -> None:
        """Write deliveries, and take off the outbox what they were made of (key, effect id), in one transaction.

        One with an event id and a channel that are known is passed over.
        """
        ...

    async def destinations(self) -> Sequence[tuple[str, int]]:
        """Every destination for which deliveries wait, and when the first of them is due."""
        ...

    async def due(self, destination: str, until: int, limit: int) -> Sequence[DeliveryRow]:
        """Deliveries that are due, the earliest first; at most one a lane."""
        ...

    async def body(self, id: int) -> str | None: ...

    async def delivered(self, id: int, now: int) -> None:
        """Remove a delivery; the next of its lane is due."""
        ...

    async def postpone(self, id: int, next_try: int, error: str) -> None:
        """A try has failed, and another is made then."""
        ...

    async def bury(self, id: int, now: int, error: str) -> None:
        """A delivery is given up; the next of its lane is due."""
        ...

    # -- the dead
    async def dead(self, after: int, limit: int) -> Sequence[DeliveryRow]:
        """In order of their ids, behind the id `after`."""
        ...

    async def revive(self, id: int | None, now: int) -> int:
        """Try a dead delivery again, or all of them (None); how many there were."""
        ...

    async def drop(self, id: int | None) -> int:
        """Remove a dead delivery, or all of them (None); how many there were."""
        ...
