"""Those who work on tasks and hold tokens: workers of activities, and whoever was sent a token.

Rules that must stay true here:
- An outcome is told until it is answered. One that was accepted is in the log.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from stepwell.engine.dispatch import Failed, Outcome, Succeeded
from stepwell.engine.errors import TaskDoesNotExist, TaskTimedOut
from stepwell.engine.tokens import open_token
from stepwell.machine.history import Event
from tests.simulation.audit import Audit, Broken
from tests.simulation.exchange import UNANSWERED
from tests.simulation.outside import Outside, script_of
from tests.simulation.parties.party import Scene
from tests.simulation.values import ARN

_WAIT: Final = 60.0  # seconds that an activity's worker waits for a task
_BUSY: Final = 1_000.0  # seconds from the beginning on: then there is less to do


class Workers:
    """The workers of activities. `told` outcomes come from `outside`, which is given what there is to be worked on."""

    def __init__(self, scene: Scene, behaviours: list[str], outside: Outside) -> None:
        self._scene = scene
        self._behaviours = behaviours
        self._outside = outside

    def begin(self) -> None:
        for behaviour in self._behaviours:
            self._scene.agenda.at(0, partial(self._poll, behaviour))

    @property
    def busy(self) -> bool:
        return False

    def look(self) -> None:
        """What was promised is the audit's business."""

    def finish(self) -> Mapping[str, Any]:
        return {}

    def _poll(self, behaviour: str) -> None:
        def answered(answer: Any) -> None:
            if answer is not None and not isinstance(answer, Exception):
                self._outside.work_on(answer.token, script_of(behaviour, json.loads(answer.input)))
            elif isinstance(answer, Exception) and not isinstance(answer, UNANSWERED):
                raise answer
            again = self._scene.chance.choice((0.0, 1.0, 5.0))
            if self._scene.agenda.now > _BUSY:
                again = _WAIT * 10
            self._scene.agenda.after(again, lambda: self._poll(behaviour))

        arn = f"{ARN}activity:{behaviour}"
        self._scene.exchange.call(lambda server: server.engine.get_activity_task(arn, "worker", _WAIT), answered)


class Telephone:
    """How whoever holds a token reaches the server."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def tell(self, token: str, outcome: Outcome, then: Callable[[bool], None]) -> None:
        """Tell the outcome of a task. `then` is told whether it was accepted."""

        def answered(answer: Any) -> None:
            if isinstance(answer, TaskDoesNotExist):
                known = self._scene.audit.known.get(open_token(token)[0])
                if known is None or not known.gone:
                    raise Broken(f"{token} was handed out, and is not known")
                then(False)
                return
            if isinstance(answer, TaskTimedOut):
                then(False)
            elif isinstance(answer, Exception):
                raise answer
            else:
                self._settled(token, outcome)
                then(True)

        if isinstance(outcome, Succeeded):
            text = outcome.output
            self._scene.exchange.insist(lambda server: server.engine.send_task_success(token, text), answered)
        else:
            assert isinstance(outcome, Failed)
            error, cause = outcome.error, outcome.cause
            self._scene.exchange.insist(lambda server: server.engine.send_task_failure(token, error, cause), answered)

    def beat(self, token: str) -> None:
        self._scene.exchange.call(lambda server: server.engine.send_task_heartbeat(token), lambda _: None)

    def _settled(self, token: str, outcome: Outcome) -> None:
        """An accepted outcome is in the log."""
        key, _ = open_token(token)

        def holds(audit: Audit) -> bool:
            known = audit.known.get(key)
            return known is not None and any(_tells(event, outcome) for event in known.settled.values())

        self._scene.audit.promised(f"{str(outcome)[:100]} for {token}", holds)


def _tells(event: Event, outcome: Outcome) -> bool:
    """Whether an event is that of an outcome; one that is too large becomes an error."""
    if isinstance(outcome, Succeeded):
        told = event.details.get("output")
        too_large = event.details.get("error") == "States.DataLimitExceeded"
        return too_large or (isinstance(told, str) and _open(told) == _open(outcome.output))
    return isinstance(outcome, Failed) and event.details.get("error") == outcome.error


def _open(output: str) -> Any:
    """A result without its echo, which is sealed where it is secret."""
    found = json.loads(output)
    return {name: value for name, value in found.items() if name != "echo"} if isinstance(found, dict) else found
