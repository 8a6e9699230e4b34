"""Mocked service integrations, as Step Functions Local reads them from a mock configuration file.

Rules that must stay true here:
- A configuration that is not right is refused as a whole, with the file, the place in it and the way out.
- A mocked state never reaches the integration behind it; a state without a mock always does.
- The n-th call of a state in an execution takes the n-th response; where there is none, the task fails and says so.

See AWS Step Functions developer guide, "Using mocked service integrations for testing in Step Functions Local".
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

from stepwell.engine.around import AroundDispatcher
from stepwell.engine.dispatch import (
    Dispatcher,
    Failed,
    Outcome,
    Submitted,
    Succeeded,
    Task,
    TimedOut,
    Told,
)
from stepwell.language.values import Json, dumps, loads

_CALLS = re.compile(r"(?P<first>\d+)(?:-(?P<last>\d+))?")


class MockConfigError(ValueError):
    """The mock configuration file cannot be used; the text names the file, the place and the way out."""


class Return(Struct, frozen=True):
    """The call succeeds with this."""

    value: Json


class Throw(Struct, frozen=True):
    """The call fails; None where the configuration gives an empty text."""

    error: str | None
    cause: str | None


MockedResponse: TypeAlias = Return | Throw


class MockedResponses(Struct, frozen=True):
    """The responses of one key of `MockedResponses`, each with the first and the last call that it answers."""

    key: str
    numbered: Sequence[tuple[int, int, MockedResponse]]

    def response(self, call: int) -> MockedResponse | None:
        """The response of a call, counted from 0; None where the configuration has none."""
        return next((response for first, last, response in self.numbered if first <= call <= last), None)


TestCase: TypeAlias = Mapping[str, MockedResponses]
"""The mocks of one test case, by name of state."""


class MockConfig:
    """A mock configuration: state machines by name, in each its test cases by name."""

    def __init__(self, source: str, machines: Mapping[str, Mapping[str, TestCase]]) -> None:
        self.source = source
        self._machines = machines

    @classmethod
    def load(cls, path: str | Path) -> MockConfig:
        """Read a configuration. Raises MockConfigError."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except OSError as fault:
            raise MockConfigError(
                f"{path}: the mock configuration cannot be read ({fault.strerror}); "
                "name an existing file in SFN_MOCK_CONFIG, or unset it to run without mocks"
            ) from fault
        except UnicodeDecodeError as fault:
            raise MockConfigError(f"{path}: the mock configuration is not UTF-8; save it as UTF-8") from fault
        try:
            document = loads(text)
        except ValueError as fault:
            raise MockConfigError(f"{path}: the mock configuration is not JSON ({fault})") from fault
        return cls.parse(document, source=str(path))

    @classmethod
    def parse(cls, document: Json, source: str = "mock configuration") -> MockConfig:
        """The configuration in a JSON value; `source` names it in errors. Raises MockConfigError."""
        reader = _Reader(source)
        top = reader.object(document, "the document")
        responses = {
            key: reader.responses(key, value)
            for key, value in reader.object(top.get("MockedResponses", {}), "MockedResponses").items()
        }
        machines: dict[str, dict[str, TestCase]] = {}
        for machine, entry in reader.object(top.get("StateMachines", {}), "StateMachines").items():
            place = f"StateMachines.{machine}"
            cases = reader.object(reader.object(entry, place).get("TestCases", {}), f"{place}.TestCases")
            machines[machine] = {
                case: reader.test_case(f"{place}.TestCases.{case}", states, responses) for case, states in cases.items()
            }
        return cls(source, machines)

    def test_case(self, machine: str, case: str) -> TestCase | None:
        """The mocks of a test case; None where the machine or the case is not configured."""
        return self._machines.get(machine, {}).get(case)

    def test_cases(self, machine: str) -> Sequence[str]:
        """The names of a machine's test cases, in the order of the configuration; none where it is not configured."""
        return tuple(self._machines.get(machine, {}))


class MockDispatcher(AroundDispatcher):
    """Answers mocked states from a configuration and hands all other tasks to `inner`."""

    def __init__(self, config: MockConfig, inner: Dispatcher) -> None:
        self._config = config
        super().__init__(inner)

    def run(self, task: Task) -> AsyncIterator[Told]:
        mocked = self.mock(task)
        return self._inner.run(task) if mocked is None else self._answer(task, mocked)

    def mock(self, task: Task) -> MockedResponses | None:
        """The mock of a task's state in its test case, None where it has none."""
        return self._find(task.machine_arn, task.test_case, task.state_name)

    def answers_activity(self, machine_arn: str, test_case: str | None, state_name: str) -> bool:
        """A mocked activity needs no worker."""
        return self._find(machine_arn, test_case, state_name) is not None

    def _find(self, machine_arn: str, test_case: str | None, state_name: str) -> MockedResponses | None:
        if test_case is None:
            return None
        case = self._config.test_case(machine_name(machine_arn), test_case)
        return None if case is None else case.get(state_name)

    async def _answer(self, task: Task, mocked: MockedResponses) -> AsyncIterator[Outcome]:
        response = mocked.response(task.call)
        if response is None:
            yield Failed(
                "States.Runtime",
                f"State '{task.state_name}' was called {task.call + 1} times, and MockedResponses.{mocked.key} in "
                f'{self._config.source} has no response "{task.call}": add it, or let the test case make fewer calls.',
            )
            return
        if task.resource.pattern:  # .sync and .waitForTaskToken: the call itself is always taken
            yield Submitted("{}")
        yield _outcome(task, response)


def _outcome(task: Task, response: MockedResponse) -> Outcome:
    if isinstance(response, Return):
        value = response.value
        if task.resource.kind == "function" and isinstance(value, dict) and "Payload" in value:
            # The mock is Lambda's answer to Invoke; the task's result is what the function returned.
            value = value["Payload"]
        return Succeeded(dumps(value))
    if response.error == "States.Timeout":
        return TimedOut(response.error, response.cause)
    return Failed(response.error, response.cause)


def machine_name(arn: str) -> str:
    """`NAME` of `arn:aws:states:REGION:ACCOUNT:stateMachine:NAME`, with or without version, alias or a Map's label."""
    parts = arn.split(":")
    return parts[6].partition("/")[0] if len(parts) > 6 else arn


class _Reader:
    """Reads the parts of a configuration, naming the place where one is not as it should be."""

    def __init__(self, source: str) -> None:
        self._source = source

    def fault(self, place: str, message: str) -> MockConfigError:
        return MockConfigError(f"{self._source}: {place}: {message}")

    def object(self, value: Json, place: str) -> Mapping[str, Json]:
        if not isinstance(value, dict):
            raise self.fault(place, "must be a JSON object")
        return value

    def test_case(self, place: str, value: Json, responses: Mapping[str, MockedResponses]) -> TestCase:
        states: dict[str, MockedResponses] = {}
        for state, key in self.object(value, place).items():
            if not isinstance(key, str) or key not in responses:
                raise self.fault(
                    f"{place}.{state}",
                    f"names the response {dumps(key)}, which MockedResponses does not have; "
                    f"add it there, or use one of: {', '.join(sorted(responses)) or 'none yet'}",
                )
            states[state] = responses[key]
        return states

    def responses(self, key: str, value: Json) -> MockedResponses:
        place = f"MockedResponses.{key}"
        numbered: list[tuple[int, int, MockedResponse]] = []
        for calls, response in self.object(value, place).items():
            found = _CALLS.fullmatch(calls)
            first = int(found["first"]) if found else 0
            last = int(found["last"] or first) if found else -1
            if last < first:
                raise self.fault(f"{place}.{calls}", 'number the calls from 0: "0" for one, "1-3" for a range')
            taken = next((other for other in numbered if other[0] <= last and first <= other[1]), None)
            if taken is not None:
                raise self.fault(f"{place}.{calls}", f"call {max(first, taken[0])} has a response already; give it one")
            numbered.append((first, last, self.response(f"{place}.{calls}", response)))
        if not numbered:
            raise self.fault(place, 'has no response; add at least "0"')
        return MockedResponses(key, numbered)

    def response(self, place: str, value: Json) -> MockedResponse:
        response = self.object(value, place)
        if set(response) == {"Return"}:
            return Return(response["Return"])
        if set(response) == {"Throw"}:
            thrown = self.object(response["Throw"], f"{place}.Throw")
            return Throw(self.text(thrown, "Error", f"{place}.Throw"), self.text(thrown, "Cause", f"{place}.Throw"))
        raise self.fault(place, 'must have either "Return" or "Throw", and nothing else')

    def text(self, thrown: Mapping[str, Json], field: str, place: str) -> str | None:
        value = thrown.get(field, "")
        if not isinstance(value, str):
            raise self.fault(f"{place}.{field}", "must be a string")
        return value or None
