"""What runs the calls of one function, whatever the function is.

Rules that must stay true here:
- Every call has exactly one end: an answer, a refusal, or a cancellation that has ended what ran for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from stepwell.tasks.invocation import Answer, Invocation

OnProgress: TypeAlias = Callable[[str | None, float, str | None], None]
"""Told the execution that a call works for, how far it is (0 to 1), and a message."""


class Runner(Protocol):
    """Belongs to the event loop that it is used on."""

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that are there now."""
        ...

    async def invoke(self, call: Invocation) -> Answer:
        """Run a call to its end.

        Raises CallRefused, and asyncio.CancelledError where the runner is stopped under it: such a call has no answer.
        Cancelling this coroutine ends what runs for the call.
        """
        ...

    async def stop(self, grace: float) -> None:
        """Let running calls end for up to `grace` seconds, then end them. Waiting calls are cancelled at once."""
        ...
