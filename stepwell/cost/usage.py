"""What an execution used, counted from the events of its history.

Rules that must stay true here:
- A transition is a state that is entered; and a redrive, and every attempt behind a state's first one: retries, and
  what a redrive runs again. Iterations of a Map and branches of a Parallel count by the states that they enter.
- A call of a function is one request; its duration is from its start to its answer, in whole milliseconds, at least
  one. One that has not ended lasts until the last event.
- A child is an execution of its own, and counted by itself; here is told only which there are.
- Whole numbers are counted; money is for `bill`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_ATTEMPTS: Final = {
    "TaskScheduled": "TaskStateEntered",
    "LambdaFunctionScheduled": "TaskStateEntered",
    "ActivityScheduled": "TaskStateEntered",
    "MapStateStarted": "MapStateEntered",
    "ParallelStateStarted": "ParallelStateEntered",
}
"""What an attempt begins with, and what stands right before it where it is a state's first one."""

_CALL_STARTS: Final = frozenset({"LambdaFunctionStarted", "TaskStarted"})
_ANSWERS: Final = frozenset({"TaskSubmitted", "TaskSucceeded"})
_STATES: Final = frozenset({"states", "aws-sdk:sfn"})
_EXPRESS_STEP: Final = 100  # milliseconds that Express executions are billed in
_EXPRESS_MEMORY: Final = 64  # MB that Express executions are billed in
_EXPRESS_BASE: Final = 50  # MB of an Express execution beside its definition and its data


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of one function: how many, and how long they took together, each billed by the millisecond."""

    requests: int = 0
    milliseconds: int = 0

    def __add__(self, other: Calls) -> Calls:
        return Calls(self.requests + other.requests, self.milliseconds + other.milliseconds)


@dataclass(frozen=True, slots=True)
class Usage:
    """What executions used together. `functions` is by name; `express_mb_milliseconds` is memory times duration."""

    executions: int = 0
    transitions: int = 0
    express_requests: int = 0
    express_mb_milliseconds: int = 0
    functions: Mapping[str, Calls] = field(default_factory=dict)

    def __add__(self, other: Usage) -> Usage:
        functions = dict(self.functions)
        for name, calls in other.functions.items():
            functions[name] = functions.get(name, Calls()) + calls
        return Usage(
            self.executions + other.executions,
            self.transitions + other.transitions,
            self.express_requests + other.express_requests,
            self.express_mb_milliseconds + other.express_mb_milliseconds,
            functions,
        )


@dataclass(frozen=True, slots=True)
class Children:
    """What an execution has started that is billed by itself: executions and map runs, by ARN."""

    executions: tuple[str, ...] = ()
    map_runs: tuple[str, ...] = ()


def standard_usage(events: Iterable[Mapping[str, Any]]) -> tuple[Usage, Children]:
    """What a Standard execution used, from the events of GetExecutionHistory in their order."""
    history = _History()
    for event in events:
        history.read(event)
    return Usage(1, history.transitions, functions=history.ended()), history.children()


def express_usage(
    milliseconds: int, definition: int, data: int, events: Iterable[Mapping[str, Any]] = ()
) -> tuple[Usage, Children]:
    """What an Express execution used that ran for as long, with the sizes of its definition and of its data in bytes.

    `events` are those that its log holds: functions whose calls it does not hold are not counted.
    """
    history = _History()
    for event in events:
        history.read(event)
    memory = _EXPRESS_MEMORY * math.ceil((_EXPRESS_BASE * 2**20 + definition + data) / (_EXPRESS_MEMORY * 2**20))
    billed = max(1, math.ceil(milliseconds / _EXPRESS_STEP)) * _EXPRESS_STEP
    usage = Usage(1, express_requests=1, express_mb_milliseconds=memory * billed, functions=history.ended())
    return usage, history.children()


@dataclass(frozen=True, slots=True)
class _Call:
    function: str
    started: int | None


class _History:
    """Reads events in their order."""

    def __init__(self) -> None:
        self.transitions = 0
        self._entered: dict[int, str] = {}
        self._calls: dict[int, _Call] = {}  # by the id of the event that tells of the call last
        self._functions: dict[str, Calls] = {}
        self._executions: list[str] = []
        self._map_runs: list[str] = []
        self._now = 0

    def read(self, event: Mapping[str, Any]) -> None:
        kind, before = str(event["type"]), int(event.get("previousEventId", 0))
        self._now = round(float(event["timestamp"]) * 1000)
        details = _details(event)
        if kind.endswith("StateEntered"):
            self.transitions += 1
            self._entered[event["id"]] = kind
        elif kind == "ExecutionRedriven" or (kind in _ATTEMPTS and self._entered.get(before) != _ATTEMPTS[kind]):
            self.transitions += 1
        self._follow_call(event["id"], before, kind, details)
        if kind in _ANSWERS and details.get("resourceType") in _STATES:
            self._executions.extend(_started(details))
        elif kind == "MapRunStarted" and "mapRunArn" in details:
            self._map_runs.append(details["mapRunArn"])

    def _follow_call(self, id: int, before: int, kind: str, details: Mapping[str, Any]) -> None:
        if kind in ("LambdaFunctionScheduled", "TaskScheduled"):
            function = _function(kind, details)
            if function is not None:
                self._calls[id] = _Call(function, None)
            return
        call = self._calls.pop(before, None)
        if call is None:
            return
        if kind in _CALL_STARTS:
            self._calls[id] = _Call(call.function, self._now)
        else:
            self._count(call)

    def _count(self, call: _Call) -> None:
        if call.started is not None:
            calls = Calls(1, max(1, self._now - call.started))
            self._functions[call.function] = self._functions.get(call.function, Calls()) + calls

    def ended(self) -> Mapping[str, Calls]:
        """The calls, when all events have been read."""
        for call in self._calls.values():
            self._count(call)
        self._calls.clear()
        return self._functions

    def children(self) -> Children:
        return Children(tuple(dict.fromkeys(self._executions)), tuple(self._map_runs))


def _details(event: Mapping[str, Any]) -> Mapping[str, Any]:
    return next((value for name, value in event.items() if name.endswith("EventDetails") and value), {})


def _function(kind: str, details: Mapping[str, Any]) -> str | None:
    """The name of the function that a scheduled task calls."""
    if kind == "LambdaFunctionScheduled":
        return function_name(str(details.get("resource", "")))
    if details.get("resourceType") != "lambda":
        return None
    try:
        parameters = json.loads(details.get("parameters") or "{}")
    except ValueError:
        return None
    named = parameters.get("FunctionName") if isinstance(parameters, dict) else None
    return function_name(named) if isinstance(named, str) else None


def function_name(given: str) -> str:
    """The bare name in a function's name or ARN, qualified or not."""
    parts = given.split(":")
    return parts[6] if len(parts) > 6 else parts[2] if len(parts) > 2 and parts[1] == "function" else parts[0]


def _started(details: Mapping[str, Any]) -> Iterator[str]:
    """The execution that a task has started, where its output tells of one."""
    if not str(details.get("resource", "")).startswith("start"):
        return
    try:
        output = json.loads(details.get("output") or "{}")
    except ValueError:
        return
    arn = output.get("ExecutionArn") if isinstance(output, dict) else None
    if isinstance(arn, str):
        yield arn
