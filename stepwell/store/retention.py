"""What a store offers for letting go of the past: executions whose time to be kept is over.

Rules that must stay true here:
- An execution goes with all that belongs to it: its map runs, their children, and everything of theirs. A child never
  goes before the execution at the root of its tree is due.
- It goes in small pieces, so that no commit waits for long; its own row goes last, so that what a crash has left is
  found again.
- An execution with an effect that is still to be carried out (a message on its way) stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class RetentionStore(Protocol):
    """Reached as `store.retention`. Times are milliseconds since 1970; a root is an execution of no map run."""

    async def ended(self, before: int, limit: int) -> Sequence[int]:
        """Keys of roots that ended earlier than `before`."""
        ...

    async def resumable(self, after: int, before: int, limit: int) -> Sequence[int]:
        """Keys of roots that ended without success, not earlier than `after` and earlier than `before`, and have frames
        to go on from."""
        ...

    async def delete(self, root: int, rows: int) -> bool:
        """Remove about `rows` rows of a root's tree; True once all of it is gone."""
        ...

    async def forget_frames(self, root: int, rows: int) -> None:
        """Remove the frames of a root's tree, about `rows` a commit, the root's own at last."""
        ...
