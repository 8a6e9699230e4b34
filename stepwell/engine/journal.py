"""Who is told of every event of every execution, as it becomes durable.

Rules that must stay true here:
- Telling never waits and never fails an execution: a journal that cannot follow drops what it is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from stepwell.machine.history import Event
from stepwell.store.protocol import NewExecution


class Journal(Protocol):
    def told(self, new: NewExecution, events: Sequence[Event], redrive_count: int) -> None:
        """The events of a turn: for a Standard execution after its commit, for an Express one as they happen."""
        ...
