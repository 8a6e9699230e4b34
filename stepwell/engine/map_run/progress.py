"""How far a map run is: what of it changes, and is stored with every turn.

Rules that must stay true here:
- A progress is small whatever the number of items: counts and a cursor, never items or results.
- What a count means is AWS's (API reference, `MapRunItemCounts`): items where items are counted, children elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
import orjson
from msgspec import Struct, field
from msgspec.structs import replace

from stepwell.language.values import Json

_STATUSES = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


class Counts(Struct, frozen=True):
    """Of children, or of items."""

    total: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    timed_out: int = 0
    aborted: int = 0
    written: int = 0
    fixed: int = 0  # of the unsuccessful ones those that no redrive takes up

    def begun(self, number: int, known: bool) -> Counts:
        """After so many have begun; `known` says that the total has counted them before."""
        return replace(self, total=self.total + (0 if known else number), running=self.running + number)

    def ended(self, numbers: Mapping[str, int]) -> Counts:
        """After so many have ended with each status."""
        changed = {status.lower(): getattr(self, status.lower()) + number for status, number in numbers.items()}
        return replace(self, running=self.running - sum(numbers.values()), **changed)

    def moved(self, status: str, number: int) -> Counts:
        """After so many with this status were taken from here; a negative number puts them here."""
        name = status.lower()
        return replace(self, total=self.total - number, **{name: getattr(self, name) - number})

    def reopened(self) -> Counts:
        """Without the unsuccessful ones, which are to begin again; the total counts them still."""
        return replace(self, failed=0, timed_out=0, aborted=0, written=0, fixed=0)

    def joined(self, left: Counts) -> Counts:
        """With those put back that have not begun again after all."""
        return replace(
            self,
            failed=self.failed + left.failed,
            timed_out=self.timed_out + left.timed_out,
            aborted=self.aborted + left.aborted,
        )

    @property
    def pending(self) -> int:
        return self.total - self.running - self.unsuccessful - self.succeeded

    @property
    def unsuccessful(self) -> int:
        return self.failed + self.timed_out + self.aborted


class Ending(Struct, frozen=True):
    """How the run is to end once none of its children runs any more. Without an error it was aborted."""

    status: str
    error: str | None = None
    cause: str | None = None


class Redriven(Struct, frozen=True):
    """What a redrive of the parent asks for: `id` is that of the parent's event MapRunRedriven, `token` tells the
    parent of the end, `at` is the time of a virtual clock."""

    id: int
    token: str
    at: int | None


class Progress(Struct, frozen=True, kw_only=True):
    """`cursor` is where the next item is read (None at the beginning) and `pin` the version of what it points into;
    `exhausted` says that there is none left. `next_index` is the position of the next child, `last_key` the key of the
    last one. `known` says that the total of items was known from the start. `clock` is the latest time of children on a
    virtual clock.

    `redriven` is the last redrive, and `queued` one that waits until the run has ended. While it is `redriving`, the
    children behind the key `redriven_to` are still to be looked at: `left` and `left_items` count the unsuccessful ones
    among them. Those behind `redriven_from`, up to that key, have begun again with the last move.
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
    redriven: Redriven | None = None
    queued: Redriven | None = None
    redriving: bool = False
    redriven_from: int = 0
    redriven_to: int = 0
    left: Counts = field(default_factory=Counts)
    left_items: Counts = field(default_factory=Counts)

    def children_ended(self, ended: Iterable[tuple[str, int]], at: int | None = None) -> Progress:
        """After children have ended, each with its status and the number of its items; `at` is the latest time of a
        virtual clock."""
        children: Counter[str] = Counter()
        items: Counter[str] = Counter()
        for status, number in ended:
            children[status] += 1
            items[status] += number
        clock = self.clock if at is None or self.clock is None else max(self.clock, at)
        return replace(self, executions=self.executions.ended(children), items=self.items.ended(items), clock=clock)

    def aborted(self, id: int) -> Progress:
        """After the parent's word that it waits no longer, which names the event that began or redrove the run."""
        begun = self.redriven if self.queued is None else self.queued
        if begun is not None and id < begun.id:  # it is older than the redrive
            return self
        return replace(self, ending=Ending("ABORTED"), queued=None)

    def asked_again(self, asked: Redriven) -> Progress:
        """While it runs: it ends first, then it is redriven. The same word again changes nothing."""
        if self.knows(asked):
            return self
        return replace(self, ending=Ending("ABORTED"), queued=asked)

    def knows(self, asked: Redriven) -> bool:
        begun = self.redriven if self.queued is None else self.queued
        return begun is not None and asked.id <= begun.id

    def reopened(self, asked: Redriven) -> Progress:
        """After its end: what has not succeeded waits to begin again, and behind it what has not begun yet."""
        return replace(
            self,
            redriven=asked,
            queued=None,
            redriving=True,
            redriven_from=0,
            redriven_to=0,
            ending=None,
            pin=self.pin if self.next_index else None,
            clock=None if self.clock is None else max(self.clock, asked.at or 0),
            executions=self.executions.reopened(),
            items=self.items.reopened(),
            left=_unsuccessful(self.executions),
            left_items=_unsuccessful(self.items),
        )

    def child_redriven(self, status: str, items: int) -> Progress:
        """After a child that had ended so has begun again."""
        return replace(
            self,
            executions=replace(self.executions, running=self.executions.running + 1),
            items=replace(self.items, running=self.items.running + items),
            left=self.left.moved(status, 1),
            left_items=self.left_items.moved(status, items),
        )

    def child_stays(self, status: str, items: int) -> Progress:
        """After a child that had ended so turns out to be one that cannot be redriven."""
        executions, counted = self.executions.moved(status, -1), self.items.moved(status, -items)
        return replace(
            self,
            executions=replace(executions, total=self.executions.total, fixed=executions.fixed + 1),
            items=replace(counted, total=self.items.total, fixed=counted.fixed + items),
            left=self.left.moved(status, 1),
            left_items=self.left_items.moved(status, items),
        )

    def closed(self) -> Progress:
        """At the end: none waits any longer to begin again."""
        return replace(
            self,
            redriving=False,
            redriven_from=0,
            redriven_to=0,
            executions=self.executions.joined(self.left),
            items=self.items.joined(self.left_items),
            left=Counts(),
            left_items=Counts(),
        )

    def awaits_redrive(self, key: int, status: str) -> bool:
        """Whether a child, known by its key and its stored status, waits to begin again."""
        return self.redriving and key > self.redriven_to and status not in ("RUNNING", "SUCCEEDED")

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


def _unsuccessful(counts: Counts) -> Counts:
    return Counts(total=counts.unsuccessful, failed=counts.failed, timed_out=counts.timed_out, aborted=counts.aborted)


def encode(progress: Progress) -> bytes:
    return msgspec.json.encode(progress)


def decode(data: bytes) -> Progress:
    members = orjson.loads(data)
    for name, kind in _KINDS:
        kept = members.get(name)  # the first version kept nothing of redrives
        if kept is not None:
            members[name] = kind(**kept)
    return Progress(**members)


_KINDS: Final[Sequence[tuple[str, type[Counts] | type[Ending] | type[Redriven]]]] = (
    *((name, Counts) for name in ("executions", "items", "left", "left_items")),
    ("ending", Ending),
    *((name, Redriven) for name in ("redriven", "queued")),
)
