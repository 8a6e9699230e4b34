"""Clients that start executions, stop them, redrive them, watch them, and change how their map runs go on.

Rules that must stay true here:
- A call that was not answered is made again, until it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from stepwell.engine.errors import (
    ExecutionAlreadyExists,
    ExecutionDoesNotExist,
    ExecutionNotRedrivable,
    TooManyExecutions,
)
from stepwell.engine.requests import StartRequest
from stepwell.store.protocol import ExecutionRow
from tests.simulation.audit import Audit, Broken
from tests.simulation.exchange import UNANSWERED
from tests.simulation.parties.party import Scene
from tests.simulation.plan import Plan, Start
from tests.simulation.server import Server
from tests.simulation.values import ARN

End = tuple[str, str | None, str | None]


class Clients:
    """`secretive`: what is stored of an input is not what was given."""

    def __init__(self, scene: Scene, plan: Plan, *, secretive: bool) -> None:
        self._scene = scene
        self._plan = plan
        self._secretive = secretive
        self._open = len(plan.starts)  # clients that are not done
        self._arns: dict[str, str] = {}  # of executions that were started, by name
        self._ends: dict[str, End] = {}

    def begin(self) -> None:
        for start in self._plan.starts:
            self._scene.agenda.at(start.at, partial(self._start, start))

    @property
    def busy(self) -> bool:
        return self._open > 0

    def look(self) -> None:
        """What was promised is the audit's business."""

    def finish(self) -> Mapping[str, Any]:
        """How the executions have ended."""
        for start in self._plan.starts:
            known = self._scene.audit.find(self._arns.get(start.name, start.arn))
            if known is not None:
                change = known.row.change
                self._ends[start.name] = (change.status, change.output, change.error)
        return self._ends

    # -- starts

    def _start(self, start: Start) -> None:
        express = self._plan.machine(start.machine).type == "EXPRESS"

        def ask(server: Server) -> Any:
            arn = start.arn
            if express:  # each call starts another
                arn = f"{ARN}express:{start.machine}:{start.name}:{self._scene.exchange.number()}"
            request = StartRequest(
                machine=server.machines[start.machine],
                arn=arn,
                name=start.name,
                input=json.dumps(start.input),
                virtual=start.virtual,
                tokens_hold_clock=start.virtual and self._plan.steady,
            )
            engine = server.engine
            return engine.run_execution(request) if start.waits else engine.start_execution(request)

        def answered(answer: Any) -> None:
            if isinstance(answer, Exception) and not isinstance(answer, ExecutionAlreadyExists | TooManyExecutions):
                raise answer
            if isinstance(answer, ExecutionRow):  # it has ended, and is only kept where it is logged
                self._ends[start.name] = (answer.change.status, answer.change.output, answer.change.error)
            elif not isinstance(answer, Exception):
                self._started(start, answer.arn)
            self._open -= 1
            for act in start.later:
                self._open += 1
                self._scene.agenda.after(act.after, partial(self._do, start, act.what))

        self._scene.exchange.insist(ask, answered)

    def _started(self, start: Start, arn: str) -> None:
        text = json.dumps(start.input)
        self._arns[start.name] = arn

        def holds(audit: Audit) -> bool:
            known = audit.find(arn)
            return known is not None and (self._secretive or known.row.new.input == text)

        self._scene.audit.promised(f"the start of {arn}", holds)

    # -- what else a client does to an execution that it has started

    def _do(self, start: Start, what: str) -> None:
        if what == "start":
            self._start(Start(start.machine, start.name, start.input, 0.0, start.virtual))
        elif what in ("stop", "redrive"):
            self._end_or_redrive(start, what)
        else:
            self._open -= 1
            self._watch(start) if what == "watch" else self._update_map_runs()

    def _end_or_redrive(self, start: Start, what: str) -> None:
        def answered(answer: Any) -> None:
            self._open -= 1
            if isinstance(answer, ExecutionDoesNotExist):
                known = self._scene.audit.find(start.arn)
                if known is not None and not known.gone:
                    raise Broken(f"{start.arn} exists, and is said not to")
            elif isinstance(answer, ExecutionNotRedrivable | ExecutionAlreadyExists):
                return
            elif isinstance(answer, Exception):
                raise answer
            else:
                holds = _stopped(start.arn, answer) if what == "stop" else _redriven(start.arn)
                self._scene.audit.promised(f"{what} of {start.arn} at {answer}", holds)

        if what == "stop":
            self._scene.exchange.insist(
                lambda server: server.engine.stop_execution(start.arn, "Stopped", "by a client"), answered
            )
        else:
            token = "token-" + start.name
            self._scene.exchange.insist(lambda server: server.engine.redrive_execution(start.arn, token), answered)

    def _watch(self, start: Start) -> None:
        self._scene.exchange.call(lambda server: server.engine.wait_for_end(start.arn, 30), _take)

    def _update_map_runs(self) -> None:
        for key, known in sorted(self._scene.audit.known.items()):
            if ":mapRun:" in known.row.new.arn:
                self._update_map_run(key)

    def _update_map_run(self, key: int) -> None:
        self._scene.exchange.call(lambda server: server.engine.update_map_run(key, {"max_concurrency": 2}), _take)


def _take(answer: Any) -> None:
    """Whoever gets no answer to this leaves it at that."""
    if isinstance(answer, Exception) and not isinstance(answer, UNANSWERED):
        raise answer


def _stopped(arn: str, date: int) -> Callable[[Audit], bool]:
    def holds(audit: Audit) -> bool:
        known = audit.find(arn)
        return known is not None and (known.row.change.stop_date == date or known.row.change.redrive_count > 0)

    return holds


def _redriven(arn: str) -> Callable[[Audit], bool]:
    def holds(audit: Audit) -> bool:
        known = audit.find(arn)
        return known is not None and any(event.type == "ExecutionRedriven" for event in known.events)

    return holds
