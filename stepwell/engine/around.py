"""A dispatcher around another: what it does not see to itself, the inner one does.

Rules that must stay true here:
- Nothing is decided here: every call is handed on as it came.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from stepwell.engine.dispatch import Child, Dispatcher, Outcome, Refused, Task, Told
from stepwell.language.model import Resource


class AroundDispatcher:
    """See `Dispatcher`. For subclasses, which answer some of the calls themselves."""

    def __init__(self, inner: Dispatcher) -> None:
        self._inner = inner

    async def start(self) -> None:
        await self._inner.start()

    def run(self, task: Task) -> AsyncIterator[Told]:
        return self._inner.run(task)

    async def withdraw(self, task: Task) -> None:
        await self._inner.withdraw(task)

    def child_outcome(self, resource: Resource, child: Child | Refused) -> Outcome:
        return self._inner.child_outcome(resource, child)

    def answers_activity(self, machine_arn: str, test_case: str | None, state_name: str) -> bool:
        return self._inner.answers_activity(machine_arn, test_case, state_name)

    async def stop(self, grace: float) -> None:
        await self._inner.stop(grace)
