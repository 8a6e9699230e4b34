"""Checkpoints: what stands in the write-ahead log is moved into the database, beside the commits.

A pass moves what was in the log when it began; the next one what was written meanwhile, and so on until there is
nothing more, or no less. Where nothing is left, the next commit writes from the log's beginning. Where commits follow
each other so closely that there is always something left, the log grows, up to a bound; then they wait for that little.

Rules that must stay true here:
- No commit moves anything: that is done on a connection and a thread of their own, with the same syncs as ever. A
  commit stands whatever comes of it, and its failure is no failure of a commit.
- Commits wait for a checkpoint only where the log takes more than `MOST`, and only for what the passes have left.
- Reads of this process take milliseconds, and are waited for then. Somebody else's may take long (a backup): they are
  left alone until the log has grown by as much again, and the log of the server says so.
- Nothing is moved into a database that is not in its place, or not as it was left.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from stepwell.store.sqlite.anchor import Anchor
from stepwell.store.sqlite.lane import AnyJob, Job, Lane, MakeQueue
from stepwell.store.sqlite.pause import Pause

WORTH = 1000  # pages (4 MB) of log: with fewer the same page goes into the database more often, and many hold up a disk
MOST = 64 * 1024 * 1024  # bytes of log

_FRAME_HEAD: Final = 24  # bytes that the log adds to a page
_PATIENCE: Final = 100  # milliseconds for the reads that are under way
_TOLD: Final = 4  # times `MOST`: a log of this size is told of

logger = logging.getLogger("stepwell.store")


class Checkpoints:
    """Of an open database; used on the event loop that it was made on. `worth` is how many pages of log are worth a
    checkpoint."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        anchor: Anchor,
        queue: MakeQueue = Lane,
        worth: int = WORTH,
    ) -> None:
        self._path = path
        self._anchor = anchor
        self._worth = worth
        (page,) = connection.execute("PRAGMA page_size").fetchone()
        self._frame = page + _FRAME_HEAD
        self._connection = connection
        self.pause = Pause()
        """What commits are held up by."""
        self._lane = queue("stepwell-store-checkpoints", self._serve, 1)
        self._under_way: asyncio.Task[None] | None = None
        self._tried_at = 0  # pages of log at the end of the last checkpoint, where it has left some
        self._begin_anew_at = MOST
        self._told = False
        self._closed = False

    def look(self) -> None:
        """After a commit: begin a checkpoint where there is enough to move, and the store is not closed meanwhile."""
        if self._under_way is None and not self._closed:
            pages, moved = self._anchor.log_pages
            if pages < self._tried_at:
                self._tried_at = 0
            if pages - max(moved, self._tried_at) >= self._worth and not self._anchor.lost:
                self._under_way = asyncio.get_running_loop().create_task(self._lane.do(Job(self._move)))
                self._under_way.add_done_callback(self._ended)

    async def close(self) -> None:
        """Let the checkpoint that is under way end, and the thread with it."""
        self._closed = True
        await self._lane.close()

    def _ended(self, under_way: asyncio.Task[None]) -> None:
        self._under_way = None
        if not under_way.cancelled() and (error := under_way.exception()) is not None:
            logger.debug("no checkpoint: %s", error)  # a full disk, say: the next commit tells of it

    def _serve(self, batch: Sequence[AnyJob]) -> None:
        for job in batch:
            job.result = job.work(self._connection)

    # -- on the thread

    def _move(self, connection: sqlite3.Connection) -> None:
        left, held_up = self._pass(connection)
        while left and not held_up:
            before, (left, held_up) = left, self._pass(connection)
            if left > before // 2:
                break
        pages, _ = self._anchor.log_pages
        if not held_up:
            self._keep_in_bounds(connection, pages * self._frame)
        self._tell(pages * self._frame, held_up)
        self._tried_at = pages if left else 0

    def _pass(self, connection: sqlite3.Connection) -> tuple[int, bool]:
        """Move what is in the log and what nobody needs there. How many pages are left that are not in the database;
        whether somebody who reads has held up as many as are worth a checkpoint."""
        with self._anchor.still:
            (_, wanted, done) = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        pages, moved = self._anchor.log_pages
        return pages - moved, wanted - done >= self._worth

    def _keep_in_bounds(self, connection: sqlite3.Connection, size: int) -> None:
        """Where the log takes too many bytes: hold up commits, until the next one can write from its beginning."""
        if size <= self._begin_anew_at:
            self._begin_anew_at = max(MOST, min(self._begin_anew_at, size))
            return
        connection.execute(f"PRAGMA busy_timeout = {_PATIENCE}")
        with self.pause.pause(), self._anchor.still:
            (busy, *_) = connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        self._begin_anew_at = size + MOST if busy else MOST

    def _tell(self, size: int, held_up: bool) -> None:
        """Log once that the log cannot begin anew, and once that it can again."""
        if held_up and size >= _TOLD * MOST and not self._told:
            self._told = True
            logger.warning(
                "the log of %s has grown to %.0f MB: another program has been reading the database for long, and what"
                " it sees is kept for it",
                self._path,
                size / 1e6,
            )
        elif self._told and not held_up:
            self._told = False
            logger.warning("the log of %s grows no more: it begins anew in the room that it has", self._path)
