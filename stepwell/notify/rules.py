"""Who wants to be told of which executions.

Rules that must stay true here:
- The rules are in the store, and all of them in memory: a turn asks without waiting.
- A rule counts for what is told from now on: a turn that was committed before is not looked at again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stepwell.notify.channel import Channel, read
from stepwell.store.notices import Notices, RuleRow

EVERY = "*"


class Rules:
    """The rules of a server, for its engine to ask. `open` them before the engine starts.

    `declared` are an app's; None where no app is served, and what an app declared before stays.
    """

    def __init__(self, declared: Sequence[RuleRow] | None = None) -> None:
        self._declared = declared
        self._store: Notices | None = None
        self._rows: Sequence[RuleRow] = ()
        self._machines: frozenset[str] = frozenset()
        self._every = False
        self.on_told: Callable[[], None] = _nothing

    async def open(self, store: Notices) -> None:
        """Take up what is in the store, with what the app declares."""
        self._store = store
        if self._declared is not None:
            await store.declare_rules(self._declared)
        await self._read()

    async def _read(self) -> None:
        assert self._store is not None
        self._rows = await self._store.rules()
        self._machines = frozenset(row.machine for row in self._rows)
        self._every = EVERY in self._machines

    # -- what the engine asks

    def wants(self, machine_arn: str) -> bool:
        return self._every or machine_arn in self._machines

    def told(self) -> None:
        self.on_told()

    # -- what is done about it

    def of(self, machine_arn: str, status: str) -> list[Channel]:
        """The channels that hear of this, each once."""
        texts = [row.channel for row in self._rows if row.machine in (EVERY, machine_arn) and status in row.statuses]
        return [read(text) for text in dict.fromkeys(texts)]

    @property
    def rows(self) -> Sequence[RuleRow]:
        return self._rows

    async def declare(self, rows: Sequence[RuleRow]) -> None:
        """Make these the rules of the app."""
        assert self._store is not None
        await self._store.declare_rules(rows)
        await self._read()

    async def add(self, row: RuleRow) -> RuleRow:
        assert self._store is not None
        added = await self._store.add_rule(row)
        await self._read()
        return added

    async def remove(self, id: int) -> bool:
        """False where there is none."""
        assert self._store is not None
        removed = await self._store.remove_rule(id)
        await self._read()
        return removed


def _nothing() -> None:
    pass
