"""How everybody in a simulated world reaches its server, which is there, or not, or dies with the call in hand.

Rules that must stay true here:
- Whoever calls lives on when the server dies; of a call that was not answered nobody knows whether it was carried out.
- A call is answered once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, TypeAlias

from stepwell.engine.errors import Stopping
from stepwell.store.protocol import StoreError
from tests.simulation.agenda import Agenda
from tests.simulation.loop import SimulatedLoop
from tests.simulation.server import Server

_AGAIN: Final = 0.5  # seconds until a call is made again

Ask: TypeAlias = Callable[[Server], Coroutine[Any, Any, Any]]
Answered: TypeAlias = Callable[[Any], None]


class Lost(Exception):
    """The server has died, or is not there: nobody knows whether the call was carried out."""


UNANSWERED: Final = (Lost, StoreError, Stopping)


class Exchange:
    """`note` is told of each answer. `doomed` is what a caller has found to be wrong with one."""

    def __init__(self, agenda: Agenda, note: Callable[..., None]) -> None:
        self.agenda = agenda
        self.doomed: BaseException | None = None
        self._note = note
        self._server: Server | None = None
        self._loop: SimulatedLoop | None = None
        self._calls: dict[int, Answered] = {}
        self._count = 0

    def connect(self, server: Server, loop: SimulatedLoop) -> None:
        """A server takes calls."""
        self._server, self._loop = server, loop

    def disconnect(self) -> None:
        """It takes no more; what it has taken it will not answer."""
        self._server = self._loop = None

    def hang_up(self) -> None:
        """Whoever still waits for an answer hears that none will come."""
        calls, self._calls = self._calls, {}
        for then in calls.values():
            self.agenda.after(0, partial(then, Lost()))

    def number(self) -> int:
        """One more than the last."""
        self._count += 1
        return self._count

    def call(self, ask: Ask, then: Answered) -> None:
        """Ask the server. `then` is told the answer, or the error: Lost, where it has died before it answered."""
        server, loop = self._server, self._loop
        if server is None or loop is None:
            then(Lost())
            return
        number = self.number()
        self._calls[number] = then
        task = loop.create_task(ask(server))

        def done(task: asyncio.Task[Any]) -> None:
            then = self._calls.pop(number, None)
            if then is None:
                return
            answer = Lost() if task.cancelled() else task.exception() or task.result()
            self._note("answer", number, type(answer).__name__)
            try:
                then(answer)
            except BaseException as error:
                self.doomed = self.doomed or error

        task.add_done_callback(done)

    def insist(self, ask: Ask, then: Answered) -> None:
        """Ask the server, again and again, until it answers. `then` is told the answer, or the error."""

        def answered(answer: Any) -> None:
            if isinstance(answer, UNANSWERED):
                self.agenda.after(_AGAIN, lambda: self.insist(ask, then))
            else:
                then(answer)

        self.call(ask, answered)
