"""The children of a map run, about to start.

Rules that must stay true here:
- Express children keep no events, unless their machine asks for a log. All else is durable as it is with Standard ones.
- A child's name follows from its run and its position, and keys rise with positions: children are read back in the
  order of their items.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID, uuid5

from stepwell.engine.express_log import Logging
from stepwell.engine.live import Live, new_execution
from stepwell.engine.map_run.batches import Batch
from stepwell.engine.map_run.order import Order
from stepwell.engine.map_run.progress import Progress
from stepwell.engine.programs import Compiled, Programs, definition_hash
from stepwell.store.protocol import NewExecution, Store
from stepwell.store.vault import VaultChange


class Births:
    """`run` is the map run; `draw_key` gives a key for an execution that starts at a time."""

    def __init__(
        self, run: NewExecution, order: Order, store: Store, programs: Programs, draw_key: Callable[[int], int]
    ) -> None:
        self._run = run
        self._definition = order.distribution.definition
        self._hash = definition_hash(self._definition)
        self._express = order.distribution.express
        self._compiled: Compiled | None = None
        self._unlogged = False
        self._store = store
        self._programs = programs
        self._draw_key = draw_key

    async def lives(self, progress: Progress, batches: Sequence[Batch], now: int, version: int) -> list[Live]:
        """Children for these batches, behind those that `progress` knows; they need the run's turn of `version`."""
        if not batches:
            return []
        run, compiled = self._run, await self._processor()
        space = UUID(run.name)
        executions = run.machine_arn.replace(":stateMachine:", ":execution:", 1)
        start = now if progress.clock is None else progress.clock
        key = progress.last_key
        lives: list[Live] = []
        for index, batch in enumerate(batches, progress.next_index):
            key = max(self._draw_key(now), key + 1)
            name = str(uuid5(space, str(index)))
            new = NewExecution(
                key=key,
                arn=f"{executions}:{name}",
                machine_arn=run.machine_arn,
                machine_id=run.key,
                name=name,
                definition_hash=self._hash,
                revision_id=run.revision_id,
                role_arn=run.role_arn,
                start_date=start,
                input=batch.input,
                test_case=run.test_case,
                parent_key=run.key,
                map_run_arn=run.arn,
                item_count=batch.items,
                tokens_hold_clock=run.tokens_hold_clock,
                unlogged=self._unlogged,
                brand=run.brand,
                trace=run.trace,
            )
            lives.append(
                Live(
                    key,
                    new_execution(new),
                    compiled,
                    new=new,
                    clock=progress.clock,
                    requires=(run.key, version),
                    sealed=None if run.brand is None else VaultChange(brand=run.brand),
                )
            )
        return lives

    async def _processor(self) -> Compiled:
        """The program of the children; its definition is stored before the first of them begins."""
        if self._compiled is None:
            await self._store.put_definition(self._hash, self._definition)
            self._unlogged = self._express and not await self._is_log_asked_for()
            self._compiled = await self._programs.get(self._hash)
        return self._compiled

    async def _is_log_asked_for(self) -> bool:
        """Whether the machine's loggingConfiguration wants events."""
        assert self._run.parent_key is not None
        parent = await self._store.load_execution(self._run.parent_key)
        assert parent is not None
        new = parent.row.new
        revision = await self._store.find_revision(new.machine_id, new.revision_id)
        return revision is not None and Logging.of(revision.configuration).level != "OFF"
