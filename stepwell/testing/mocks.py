"""What stands in for the tasks of a machine under test, by the name of the state.

Rules that must stay true here:
- A mocked state never reaches what is behind it, and a Task that is neither mocked nor a function of the app fails the
  test: nothing is called by accident.
- What is wrong with the test (a call too many, a failed assertion in a mock) ends the run and is raised in the test; it
  never becomes an error that the machine may catch.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from stepwell.engine.around import AroundDispatcher
from stepwell.engine.dispatch import (
    Claimed,
    Dispatcher,
    Failed,
    Outcome,
    Submitted,
    Succeeded,
    Task,
    TimedOut,
    Told,
)
from stepwell.language.model import Resource
from stepwell.tasks.handler import marshal
from stepwell.tasks.runtime_errors import RuntimeFault, error_payload

_TIMEOUT = "States.Timeout"


@dataclass(frozen=True, slots=True)
class Return:
    """The task succeeds with this: what the state gets as its result, a JSON value."""

    value: Any = None


@dataclass(frozen=True, slots=True)
class Throw:
    """The task fails with this error. `States.Timeout` is a time-out."""

    error: str
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Never:
    """The task is taken, and nothing is heard of it any more: its TimeoutSeconds or HeartbeatSeconds ends it.

    For activities and tasks with `.waitForTaskToken`; another task times out at once.
    """


Response: TypeAlias = Return | Throw | Never
Mock: TypeAlias = Any
"""A response, for every call; a list of responses, one a call, in order; or a callable that gets the task's input, and
returns the result, or raises the error. A value that is none of these is returned, as `Return(value)` would be."""


class TestFault(AssertionError):
    """The test and the machine do not fit together: the machine did what the mocks do not provide for."""

    __test__ = False  # for pytest, which would take it for a class of tests


Script: TypeAlias = Callable[[Task], Sequence[Outcome]]
"""Answers every task of a run with its outcomes in order. Raises TestFault, which ends the run."""


Answered: TypeAlias = dict[str, dict[str, int]]
"""Which response of a list each call has got: by state, then by the call's idempotency key."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a task. `input` is what it was given, a JSON value."""

    state: str
    input: Any


class Mocks(AroundDispatcher):
    """Answers the tasks of one run. `inner` carries out what `reaches` allows and no mock answers; a `script` answers
    everything.

    A call that is made again, after a crash, gets the response that it had: `answered` remembers which.

    `calls` are all calls of mocks in order; `fault` is what ended the run early, and `faulted` is set then.
    """

    def __init__(
        self,
        mocks: Mapping[str, Mock],
        inner: Dispatcher,
        reaches: Callable[[Resource, Any], bool],
        script: Script | None = None,
        answered: Answered | None = None,
    ) -> None:
        self._answered: Answered = {} if answered is None else answered
        self._mocks = mocks
        super().__init__(inner)
        self._reaches = reaches
        self._script = script
        self.calls: list[Call] = []
        self.fault: BaseException | None = None
        self.faulted = asyncio.Event()

    def answers_activity(self, machine_arn: str, test_case: str | None, state_name: str) -> bool:
        return True  # no worker is there: what no mock answers is a fault of the test

    def run(self, task: Task) -> AsyncIterator[Told]:
        if self._script is not None:
            return self._follow(self._script, task)
        if task.state_name in self._mocks:
            return self._answer(task)
        input = json.loads(task.input)
        if self._reaches(task.resource, input):
            return self._inner.run(task)
        mocked = ", ".join(sorted(self._mocks)) or "none"
        fault = TestFault(
            f"State {task.state_name!r} calls {task.resource.arn}, which nothing answers in this test."
            f" Mock it: mocks={{{task.state_name!r}: Return(...)}}. Mocked are: {mocked}.\nIt was given: {input!r}"
        )
        return self._end(fault)

    async def _follow(self, script: Script, task: Task) -> AsyncIterator[Outcome]:
        try:
            outcomes = script(task)
        except TestFault as fault:
            async for never in self._end(fault):
                yield never
            return
        for outcome in outcomes:
            yield outcome

    async def _answer(self, task: Task) -> AsyncIterator[Outcome]:
        input = json.loads(task.input)
        self.calls.append(Call(task.state_name, input))
        try:
            outcome = await self._outcome(task, input)
        except asyncio.CancelledError:
            raise
        except BaseException as fault:
            async for never in self._end(fault):
                yield never
            return
        if task.resource.pattern and not isinstance(outcome, Failed):  # the call itself is taken
            yield Submitted("{}")
        if outcome is not None:
            yield outcome

    async def _outcome(self, task: Task, input: Any) -> Outcome | None:
        """The outcome of a call; None where it has none. Raises what is wrong with the test."""
        mock = self._mocks[task.state_name]
        if isinstance(mock, Sequence) and not isinstance(mock, str | bytes):
            mock = self._next(task, mock, input)
        if callable(mock):
            try:
                mock = mock(input)
                if inspect.isawaitable(mock):
                    mock = await mock
            except AssertionError:
                raise
            except Exception as error:
                name, payload = error_payload(error, "")
                return Failed(name, payload)
        match mock:
            case Never() if task.resource.pattern == "waitForTaskToken":
                return None
            case Never() if task.resource.kind == "activity":
                return Claimed()
            case Never():
                return TimedOut()
            case Throw() if mock.error == _TIMEOUT:
                return TimedOut(mock.error, mock.cause)
            case Throw():
                return Failed(mock.error, mock.cause)
        return Succeeded(_text(task.state_name, mock.value if isinstance(mock, Return) else mock))

    def _next(self, task: Task, mocks: Sequence[Mock], input: Any) -> Mock:
        state = task.state_name
        answered = self._answered.setdefault(state, {})
        count = answered.setdefault(task.idempotency_key, len(answered))
        if count >= len(mocks):
            raise TestFault(
                f"State {state!r} was called {count + 1} times, and its mock has {len(mocks)} responses."
                f"\nThe last call was given: {input!r}"
            )
        return mocks[count]

    async def _end(self, fault: BaseException) -> AsyncIterator[Outcome]:
        """End the run: the task stays open until the engine is stopped."""
        self.fault = self.fault or fault
        self.faulted.set()
        await asyncio.get_running_loop().create_future()
        yield TimedOut()


def _text(state: str, value: Any) -> str:
    try:
        return marshal(value).decode()
    except RuntimeFault as fault:
        raise TestFault(f"The mock of state {state!r} gives {value!r}, which is no JSON: {fault.message}") from fault
