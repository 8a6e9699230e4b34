"""What TestState refuses, and in which words.

Rules that must stay true here:
- The members that need no definition are checked first, then the definition, then what the state makes of the rest.
- The sentences are AWS's where a record of them is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from stepwell.api import arns, faults
from stepwell.api.faults import ApiFault
from stepwell.api.operations.executions import json_fault
from stepwell.api.operations.test_state_shapes import check_result
from stepwell.api.operations.test_state_source import read_source
from stepwell.api.request import Request
from stepwell.language.definition.lone_state import LoneState, compile_state, compile_state_of, names_within
from stepwell.language.diagnostics import InvalidDefinition
from stepwell.language.model import Distribution, Map, Parallel, State, Task
from stepwell.language.values import Json, loads

_CONTEXT: Final[Mapping[str, frozenset[str]]] = {
    "Execution": frozenset({"Id", "Input", "Name", "RoleArn", "StartTime", "RedriveCount", "RedriveTime"}),
    "State": frozenset({"EnteredTime", "Name", "RetryCount"}),
    "StateMachine": frozenset({"Id", "Name"}),
    "Task": frozenset({"Token"}),
}
_CONTEXT_IN_MAP: Final = frozenset({"Item"})


class Mock(Struct, frozen=True):
    """What stands in for a task, a Map or a Parallel: the text of its result, or else the error it fails with."""

    result: str | None
    error: str | None = None
    cause: str | None = None


class Trial(Struct, frozen=True, kw_only=True):
    """A request that can be carried out. `input` is JSON text; `context`, and `source`, what a Map's ItemReader has
    read, are None where the request gives none."""

    found: LoneState
    input: str
    variables: Mapping[str, Json]
    context: Json
    mock: Mock | None
    retries: int
    failed_iterations: int | None
    source: Json

    @property
    def state(self) -> State:
        return self.found.state


def check(request: Request) -> Trial:
    """The request, checked. Raises ValidationException, InvalidArn, InvalidDefinition, InvalidExecutionInput."""
    role = request.optional_text("roleArn")
    if role is not None:
        arns.check_role(role)
    mock = _mock(request)
    if mock is not None and request.flag("revealSecrets"):
        raise faults.validation("TestState does not support RevealSecrets when a mock is specified.")
    if mock is None and request.optional_text("context") is not None:
        raise faults.validation("A Context object can only be specified when a mock is specified.")
    text = request.optional_text("input")
    fault = None if text is None else json_fault(text)
    if fault is not None:
        raise faults.invalid_execution_input(fault)
    variables = _object(request.optional_text("variables"), "Variables")
    found = _state(request)
    configuration = request.structure("stateConfiguration") or {}
    _check_configuration(configuration, found.state)
    if mock is None:
        _check_without_mock(found.state, role)
    else:
        _check_mock(mock, found.state, (request.structure("mock") or {}).get("fieldValidationMode"))
    return Trial(
        found=found,
        input="{}" if text is None else text,
        variables=variables,
        context=_context(request.optional_text("context"), in_map=found.in_map),
        mock=mock,
        retries=_number(configuration.get("retrierRetryCount")) or 0,
        failed_iterations=_number(configuration.get("mapIterationFailureCount")),
        source=_source(configuration, found.state),
    )


# -- the definition


def _state(request: Request) -> LoneState:
    text, name = request.text("definition"), request.optional_text("stateName")
    try:
        found = compile_state(text) if name is None else compile_state_of(text, name)
    except InvalidDefinition as refusal:
        raise ApiFault("InvalidDefinition", refusal.aws_message()) from None
    if found is None:
        raise faults.validation(f"State '{name}' does not exist in the state machine definition")
    return found


def _check_without_mock(state: State, role: str | None) -> None:
    """What can only be tested with a mock (API reference, TestState), and what needs a role."""
    if isinstance(state, Map | Parallel):
        raise _unsupported("Map or Parallel states. Supported state types include: ", supported=True)
    if not isinstance(state, Task):
        return
    if state.resource.kind == "activity":
        raise _unsupported("Activity tasks when a mock is not specified")
    if state.resource.pattern == "waitForTaskToken":
        raise _unsupported("the .waitForTaskToken service integration pattern when a mock is not specified")
    if state.resource.pattern:
        raise _unsupported("the .sync service integration pattern when a mock is not specified")
    if role is None:
        raise faults.validation("RoleArn must be specified when testing a Task state")


def _unsupported(what: str, *, supported: bool = False) -> ApiFault:
    types = "[Task, Wait, Pass, Succeed, Fail, Choice]" if supported else ""
    return ApiFault("InvalidDefinition", f"TestState API does not support {what}{types}")


# -- the mock


def _mock(request: Request) -> Mock | None:
    given = request.structure("mock")
    if given is None:
        return None
    result, failure = given.get("result"), given.get("errorOutput")
    if result is not None and failure is not None:
        raise faults.validation("A test mock should have only one of the following fields: [result, errorOutput].")
    if isinstance(failure, dict):
        return Mock(None, _text(failure.get("error")), _text(failure.get("cause")))
    if result is None:
        raise faults.validation("A test mock should have one of the following fields: [result, errorOutput].")
    return Mock(_text(result))


def _check_mock(mock: Mock, state: State, mode: Json) -> None:
    if not isinstance(state, Task | Map | Parallel):
        raise faults.validation(f"State type '{type(state).__name__}' is not supported when a mock is specified")
    if mock.result is None:
        return
    try:
        result = loads(mock.result)
    except ValueError:
        raise faults.validation("Mocked result must be valid JSON") from None
    match state:
        case Task():
            if mode != "NONE":
                check_result(state.resource, result, required=mode != "PRESENT")
        case Map() if state.distribution is not None and _exports(state.distribution):
            if not isinstance(result, dict):
                raise faults.validation("Mocked result must be a JSON object.")
        case _:
            if not isinstance(result, list):
                raise faults.validation("Mocked result must be an array.")


def _exports(distribution: Distribution) -> bool:
    """Whether the result of the Map says where the results of the iterations are."""
    return distribution.writer is not None and distribution.writer.exports


# -- what else the state is told


def _check_configuration(configuration: Mapping[str, Json], state: State) -> None:
    """Refuses what has no meaning for a state of this type."""
    culprit = configuration.get("errorCausedByState")
    if culprit is not None and culprit not in names_within(state):
        raise faults.validation(f"State '{culprit}' in errorCausedByState is not part of the state under test")
    if configuration.get("mapIterationFailureCount") is not None and not isinstance(state, Map):
        raise faults.validation("mapIterationFailureCount is only supported when testing a Map state")


def _source(configuration: Mapping[str, Json], state: State) -> Json:
    data = _text(configuration.get("mapItemReaderData"))
    if data is None:
        return None
    distribution = state.distribution if isinstance(state, Map) else None
    if distribution is None or distribution.reader is None:
        raise faults.validation("mapItemReaderData is only supported when testing a Map state with an ItemReader")
    try:
        return read_source(data, distribution.reader.config)
    except ValueError as refusal:
        raise faults.validation(f"mapItemReaderData is not what the ItemReader expects: {refusal}") from None


def _context(text: str | None, *, in_map: bool) -> Json:
    """The context object that a request gives, None where it gives none. AWS names the member at fault."""
    if text is None:
        return None
    try:
        context = loads(text)
    except ValueError:
        raise _context_fault("must be valid JSON") from None
    if not isinstance(context, dict):
        raise _context_fault("must be a JSON object")
    known = {**_CONTEXT, "Map": _CONTEXT_IN_MAP} if in_map else _CONTEXT
    for name, part in context.items():
        if name == "Map" and not in_map:
            raise _context_fault("'Map' field is not supported when mocking a Context object")
        if name not in known:
            raise _context_fault(f"Field '{name}' is not allowed")
        if not isinstance(part, dict):
            raise _context_fault(f"Field '{name}' must be a JSON object")
        for member in part:
            if member not in known[name]:
                raise _context_fault(f"Field '{member}' is not allowed")
    return context


def _context_fault(why: str) -> ApiFault:
    return faults.validation(f"Invalid Context object provided: {why}")


def _object(text: str | None, what: str) -> Mapping[str, Json]:
    if text is None:
        return {}
    try:
        value = loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise faults.validation(f"{what} must be a valid JSON object")
    return value


def _text(value: Json) -> str | None:
    assert value is None or isinstance(value, str)  # the request's shape was checked
    return value


def _number(value: Json) -> int | None:
    assert value is None or isinstance(value, int)
    return value
