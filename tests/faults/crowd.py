"""A crowd of clients that go on through crashes: they start executions, answer callbacks and stop executions.

Rules that must stay true here:
- What no answer came for is asked again, with the same name and input; what was answered is written down, and the
  server is held to it.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from stepwell.commands.endpoint import Endpoint, Refused
from stepwell.commands.exit_code import CommandFailed
from tests.faults import journal

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:Journey"
# What a second answer to the same callback is told, where the first was taken but its acknowledgement was lost.
ANSWERED_BEFORE = {"InvalidToken", "TaskDoesNotExist", "TaskTimedOut"}


@dataclass(frozen=True)
class Traveller:
    """One execution that is to be started. `kind` says how it ends."""

    n: int
    kind: str
    stuck: bool
    laps: int

    @property
    def name(self) -> str:
        return f"traveller-{self.n}"

    @property
    def input(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "kind": self.kind,
            "stuck": self.stuck,
            "laps": self.laps,
            "items": [self.n, self.n + 1, self.n + 2],
            "count": {"lap": 0},
        }


@dataclass
class Crowd:
    """Everything that the clients were told. `port` is where the server listens, whenever it does."""

    port: int
    journal: Path
    acknowledged: dict[str, Traveller] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    enough: threading.Event = field(default_factory=threading.Event)

    def start(self, travellers: Iterable[Traveller]) -> None:
        """Start executions one by one until each is acknowledged."""
        endpoint = self._endpoint()
        for traveller in travellers:
            answer = self._insist(
                endpoint,
                "StartExecution",
                stateMachineArn=MACHINE,
                name=traveller.name,
                input=json.dumps(traveller.input),
            )
            if answer is None:
                return
            self.acknowledged[answer["executionArn"]] = traveller

    def keep_up(self, at_once: int, coming: Iterator[Traveller]) -> None:
        """Start further executions for those that have ended, until it is enough."""
        endpoint = self._endpoint()
        while not (self.enough.is_set() or self.over.is_set()):
            members = {"stateMachineArn": MACHINE, "statusFilter": "RUNNING", "maxResults": 1000}
            answer = self._insist(endpoint, "ListExecutions", **members)
            if answer is not None:
                self.start(islice(coming, max(0, at_once - len(answer["executions"]))))
            time.sleep(0.1)

    def answer(self) -> None:
        """Answer the callbacks that handlers ask for, until it is over."""
        endpoint, offset = self._endpoint(), 0
        while not self.over.is_set():
            lines, offset = journal.read(self.journal, offset)
            for line in lines:
                if "token" in line:
                    output = json.dumps({"answered": line["n"]})
                    self._insist(
                        endpoint, "SendTaskSuccess", allowed=ANSWERED_BEFORE, taskToken=line["token"], output=output
                    )
            time.sleep(0.05)

    def stop(self, wanted: Callable[[], list[str]]) -> None:
        """Stop the executions that are named, until it is over."""
        endpoint = self._endpoint()
        while not self.over.is_set():
            for arn in wanted():
                if arn not in self.stopped and self._insist(
                    endpoint, "StopExecution", executionArn=arn, error="Enough", cause="of it"
                ):
                    self.stopped.add(arn)
            time.sleep(0.1)

    def _endpoint(self) -> Endpoint:
        return Endpoint(f"http://127.0.0.1:{self.port}")

    def _insist(
        self, endpoint: Endpoint, operation: str, allowed: set[str] | None = None, **members: object
    ) -> dict[str, Any] | None:
        """The answer to a call, asked again while nobody answers; None when it is over, or refused."""
        while not self.over.is_set():
            try:
                return endpoint.call(operation, **members)
            except Refused as refused:
                if refused.error not in (allowed or set()):
                    self.refused.append(f"{operation}: {refused}")
                return None
            except CommandFailed:
                time.sleep(0.02)
        return None
