"""The one writer: all that waits goes into one durable transaction.

Rules that must stay true here:
- Only this thread writes. What it has answered is on the disk (`synchronous = FULL`), in the file of that name.
- A transaction that fails leaves nothing behind, and the next one is tried afresh.
- That nothing can be stored is logged once, and once more when it can again.
- What cannot be stored (a text that is no Unicode, say) fails its own caller only: the group is then written
  call by call.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from stepwell.store.protocol import Answer, TurnRecord
from stepwell.store.sqlite.anchor import Anchor
from stepwell.store.sqlite.faults import lies_in_the_data, translate
from stepwell.store.sqlite.lane import AnyJob, Job, Lane, MakeQueue
from stepwell.store.sqlite.pause import Pause
from stepwell.store.sqlite.turns import Group

T = TypeVar("T")

logger = logging.getLogger("stepwell.store")


class _Commit(Job[Sequence[Answer]]):
    """A call of `commit`; its work is done with that of the other calls of its group."""

    __slots__ = ("turns",)

    def __init__(self, turns: Sequence[TurnRecord]) -> None:
        super().__init__(_nothing)
        self.turns = turns


class Writer:
    """Owns the only connection that writes, and the thread that it is used on."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        anchor: Anchor,
        queue: MakeQueue = Lane,
        written: Callable[[], None] = lambda: None,
        pause: Pause | None = None,
    ) -> None:
        """`written` is called on the event loop after each commit, and must not raise. Commits wait for a `pause`."""
        self._connection = connection
        self._path = path
        self._anchor = anchor
        self._written = written
        self._pause = pause or Pause()
        self._failing_since: float | None = None
        self._lane = queue("stepwell-store-writer", self._serve, None)

    async def commit(self, turns: Sequence[TurnRecord]) -> Sequence[Answer]:
        """Commit turns together with all that waits. See `Store.commit`."""
        answers = await self._lane.do(_Commit(turns))
        self._written()
        return answers

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do a small piece of work in the next transaction; what it returns is answered once that is on the disk.

        Small writes of a group follow its turns. Work that raises is undone by itself.
        """
        answer = await self._lane.do(Job(work))
        self._written()
        return answer

    async def check(self) -> None:
        """Raises StoreError where a commit would. Where the last one has failed, something is written to find out."""
        await self._lane.do(Job(_write_something if self._failing_since is not None else _nothing))

    async def close(self) -> None:
        """Write what waits, then end the thread."""
        await self._lane.close()

    def _serve(self, batch: Sequence[AnyJob]) -> None:
        with self._pause.work():
            error = self._attempt(batch)
        self._tell(error)
        if error is None:
            return
        if len(batch) > 1 and lies_in_the_data(error):
            for job in batch:
                self._serve([job])
            return
        for job in batch:
            job.error = translate(error, self._path)
            job.error.__cause__ = error

    def _attempt(self, batch: Sequence[AnyJob]) -> Exception | None:
        """One transaction with all of the batch. The error where it failed; then nothing has happened."""
        try:
            if self._anchor.lost:
                self._anchor.check()
            self._connection.execute("BEGIN IMMEDIATE")
            self._fill(batch)
            self._connection.execute("COMMIT")
            self._anchor.check()
        except Exception as error:
            try:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            except sqlite3.Error:
                pass  # SQLite has rolled back by itself; the first error is the one to tell
            return error
        return None

    def _tell(self, error: Exception | None) -> None:
        """Log the change where commits begin to fail for all, and where they succeed again."""
        if error is None:
            if self._failing_since is not None:
                seconds, self._failing_since = time.monotonic() - self._failing_since, None
                logger.warning("%s takes commits again, after %.1f s", self._path, seconds)
        elif self._failing_since is None and not lies_in_the_data(error):
            self._failing_since = time.monotonic()
            logger.error("nothing can be stored: %s", translate(error, self._path))

    def _fill(self, batch: Sequence[AnyJob]) -> None:
        commits = [job for job in batch if isinstance(job, _Commit)]
        if commits:
            group = Group(self._connection, [commit.turns for commit in commits])
            for commit in commits:
                commit.result = group.judge(commit.turns)
            group.write()
        if len(commits) < len(batch):
            for job in batch:
                if not isinstance(job, _Commit):
                    job.result = job.work(self._connection)


def _nothing(_: sqlite3.Connection) -> Sequence[Answer]:
    return ()


def _write_something(connection: sqlite3.Connection) -> None:
    """Another value each time: SQLite writes nothing where a row stays as it is."""
    connection.execute(
        "INSERT INTO meta (name, value) VALUES ('tried', '1')"
        " ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1"
    )
