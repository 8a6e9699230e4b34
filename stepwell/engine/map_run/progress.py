"""How far a map run is: what of it changes, and is stored with every turn.

Rules that must stay true here:
- A progress is small whatever the number of items: counts and a cursor, never items or results.
- What a count means is AWS's (API reference, `MapRunItemCounts`): items where items are counted, children elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import orjson

from stepwell.language.values import Json

_STATUSES = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


@dataclass(frozen=True, slots=True)
class Counts:
    """Of children, or of items."""

    total: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    timed_out: int = 0
    aborted: int = 0
    written: int = 0

    def begun(self, number: int, known: bool) -> Counts:
        """After so many have begun; `known` says that the total has counted them before."""
        return replace(self, total=self.total + (0 if known else number), running=self.running + number)

    def ended(self, status: str, number: int) -> Counts:
        name = status.lower()
        return replace(self, running=self.running - number, **{name: getattr(self, name) + number})

    @property
    def pending(self) -> int:
        return self.total - self.running - self.unsuccessful - self.succeeded

    @property
    def unsuccessful(self) -> int:
        return self.failed + self.timed_out + self.aborted


@dataclass(frozen=True, slots=True)
class Ending:
    """How the run is to end once none of its children runs any more. Without an error it was aborted."""

    status: str
    error: str | None = None
    cause: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """`cursor` is where the next item is read (None at the beginning) and `pin` the version of what it points into;
    `exhausted` says that there is none left. `next_index` is the position of the next child, `last_key` the key of the
    last one. `known` says that the total of items was known from the start. `clock` is the latest time of children on a
    virtual clock.
    """

    max_concurrency: int = 0
    tolerated_count: int | None = None
    tolerated_percentage: float | None = None
    cursor: Json = None
    pin: str | None = None
    items_read: int = 0
    exhausted: bool = False
    known: bool = False
    next_index: int = 0
    last_key: int = 0
    clock: int | None = None
    executions: Counts = field(default_factory=Counts)
    items: Counts = field(default_factory=Counts)
    ending: Ending | None = None

    def child_ended(self, status: str, items: int, at: int | None) -> Progress:
        clock = self.clock if at is None or self.clock is None else max(self.clock, at)
        executions, counted = self.executions.ended(status, 1), self.items.ended(status, items)
        return replace(self, executions=executions, items=counted, clock=clock)

    @property
    def exceeds_tolerance(self) -> bool:
        """Whether more items have failed than the definition bears (AWS developer guide, "Setting failure thresholds").

        A share is one of all items, and is judged once their number is known.
        """
        failed = self.items.unsuccessful
        count, share = self.tolerated_count, self.tolerated_percentage
        if not failed:
            return False
        if not count and not share:
            return True
        if count and failed > count:
            return True
        whole = self.known or self.exhausted
        return bool(share) and whole and failed * 100 > self.items.total * (share or 0)


def encode(progress: Progress) -> bytes:
    return orjson.dumps(progress)


def decode(data: bytes) -> Progress:
    members = orjson.loads(data)
    members["executions"] = Counts(**members["executions"])
    members["items"] = Counts(**members["items"])
    members["ending"] = None if members["ending"] is None else Ending(**members["ending"])
    return Progress(**members)
