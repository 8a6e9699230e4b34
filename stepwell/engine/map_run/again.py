"""The children of earlier attempts, begun again by the redrive of their map run.

Rules that must stay true here:
- What has succeeded keeps its result. Standard children go on from what had not succeeded, Express children begin anew
  (AWS documentation, "Redriving Map Runs").
- The progress counts children as running in the commit that moves it behind them, and only then they begin: those of
  the last move are looked at again after a crash. The redrive's own token tells which have begun.
- Whether a child can be redriven is judged by the time of the run's redrive, so that the answer is always the same.
"""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from stepwell.engine.driver import Driver
from stepwell.engine.map_run.progress import Progress
from stepwell.engine.redrive import child_refusal
from stepwell.machine.codec import decode_data
from stepwell.machine.stimulus import Redrive
from stepwell.store.protocol import ExecutionRow, Store

_PAGE = 100


class Again:
    """The redrive of the map run `key` at a time; `express` says of what type its children are."""

    def __init__(self, store: Store, driver: Driver, key: int, redrive_count: int, at: int, express: bool) -> None:
        self._store = store
        self._driver = driver
        self._key = key
        self._token = f"{key}:{redrive_count}"
        self._at = at
        self._express = express

    async def next(self, progress: Progress, number: int) -> Progress:
        """The progress once at most `number` more children have begun again. Raises StoreError."""
        after = progress.redriven_to
        moved = replace(progress, redriven_from=after)
        for row in await self._store.children(self._key, after, _PAGE):
            status, items = row.change.status, row.new.item_count
            if status != "SUCCEEDED" and self._refused(row):
                moved = moved.child_stays(status, items)
            elif status != "SUCCEEDED":
                if not number:
                    break
                number -= 1
                moved = moved.child_redriven(status, items)
            moved = replace(moved, redriven_to=row.new.key)
        else:
            if moved.redriven_to == after:
                moved = replace(moved, redriving=False)
        return moved

    async def begin(self, progress: Progress) -> None:
        """Let the children begin that the last move has counted, unless they have. Raises StoreError."""
        if progress.redriven_from == progress.redriven_to:
            return
        rows = await self._store.children(self._key, progress.redriven_from, _PAGE)
        stimulus = Redrive(self._token, anew=self._express)
        submits = [
            self._driver.submit(row.new.key, stimulus, at=progress.clock)
            for row in rows
            if row.new.key <= progress.redriven_to and self._waits(row)
        ]
        for answer in await asyncio.gather(*submits, return_exceptions=True):
            if isinstance(answer, BaseException):
                raise answer

    def _waits(self, row: ExecutionRow) -> bool:
        """Whether a child is to begin again that has not."""
        if row.change.status in ("RUNNING", "SUCCEEDED") or self._refused(row):
            return False
        return all(token.text != self._token for token in decode_data(row.change.data)[1])

    def _refused(self, row: ExecutionRow) -> bool:
        return child_refusal(row, self._at) is not None
