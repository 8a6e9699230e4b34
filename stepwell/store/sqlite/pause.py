"""A pause between two pieces of work, for who asks for it.

Rules that must stay true here:
- However closely the work follows itself, who asks for a pause has it when the piece that is under way has ended.
- Where nobody asks, work goes on without a hand-over of the interpreter's lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class Pause:
    """Between two threads: one that works piece by piece, one that now and then wants it to rest."""

    def __init__(self) -> None:
        self._entrance = Lock()  # held from the wish for a pause to its end
        self._working = Lock()

    @contextmanager
    def work(self) -> Iterator[None]:
        """A piece of work; it waits for the end of a pause."""
        with self._entrance:
            self._working.acquire()
        try:
            yield
        finally:
            self._working.release()

    @contextmanager
    def pause(self) -> Iterator[None]:
        """No piece of work is under way, and none begins."""
        with self._entrance, self._working:
            yield
