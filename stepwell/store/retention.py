"""What a store offers for letting go of the past: executions whose time to be kept is over.

Rules that must stay true here:
- An execution goes with all that belongs to it: its map runs, their children, and everything of theirs. A child never
  goes before the execution at the root of its tree is due.
- It goes in small pieces, so that no commit waits for long; what a crash has left is found again by `ended`, and by
  nothing else: for all others it is gone with the first piece.
- One that was redriven after it was found to be due stays.
- An execution with an effect that is still to be carried out (a message on its way) stays.
- What a sweep has looked at it does not look at again: its cost grows with what is due, not with what is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

SweepPosition: TypeAlias = tuple[int, int, int, int]
"""Behind which execution a sweep goes on. What the numbers are is the store's business."""


class RetentionStore(Protocol):
    """Reached as `store.retention`. Times are milliseconds since 1970; a root is an execution of no map run."""

    async def ended(self, before: int, limit: int) -> Sequence[int]:
        """Keys of roots that ended earlier than `before`."""
        ...

    async def resumable(
        self, since: int, before: int, position: SweepPosition | None, limit: int
    ) -> tuple[Sequence[int], SweepPosition | None]:
        """Keys of roots that ended without success, not earlier than `since` and earlier than `before`, and have frames
        to go on from: those among the next `limit` that ended so. The second is where to go on, None at the end."""
        ...

    async def delete(self, roots: Sequence[int], rows: int) -> int:
        """Remove about `rows` rows of the trees of these roots, one after the other; how many of the roots are gone, or
        run again and stay."""
        ...

    async def give_back(self, pages: int) -> bool:
        """Hand up to so many pages of the file that rows have left back to the disk. Whether there are more: some room
        is kept for what comes, and a file of a version that could not do this keeps all of it."""
        ...

    async def forget_frames(self, root: int, rows: int) -> None:
        """Remove the frames of a root's tree, about `rows` a commit, the root's own at last."""
        ...
