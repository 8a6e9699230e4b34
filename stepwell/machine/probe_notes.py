"""What a state under test did with its data: noted by flows that stand before the state's own.

Rules that must stay true here:
- A watched flow answers what the flow behind it answers; watching changes nothing.
- A value that nothing has changed is noted as the very text that it came in.
- What is noted is what AWS tells of a state of that type (recorded): of a Parallel nothing before its result, of a Pass
  with a Result nothing before it either, of a Choice no more than its input.
- The names are those of InspectionData in the API.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from stepwell.language.jsonpath_flow import JsonPathFlow
from stepwell.language.model import Catcher, CatchFlow, DataFlow, Exit, Map, Parallel, Pass, State, Task
from stepwell.language.scope import Scope
from stepwell.language.values import Json, dumps
from stepwell.machine.datum import Datum

_INPUT_PATH: Final = "afterInputPath"
_PARAMETERS: Final = "afterParameters"
_RESULT: Final = "result"
_SELECTOR: Final = "afterResultSelector"
_RESULT_PATH: Final = "afterResultPath"
_ARGUMENTS: Final = "afterArguments"
_OUTPUT: Final = frozenset({_SELECTOR, _RESULT_PATH})


class Notes:
    """`data` holds what was noted. `result` is the text of the result that the state was told, None before that;
    `caught` is the index of the catcher that took the failure, None where none did."""

    def __init__(self, input: Datum) -> None:
        self.data: dict[str, Json] = {"input": input.text}
        self.result: str | None = None
        self.caught: int | None = None
        self._known = [input]

    def told(self, result: Json) -> None:
        """Note this value, wherever it turns up, as the text that the state was told."""
        if self.result is not None:
            self._known.append(Datum(result, self.result))

    def value(self, name: str, value: Json) -> None:
        """Note a value as the text of it."""
        known = next((datum for datum in self._known if datum.value is value), None)
        self.data[name] = dumps(value) if known is None else known.text


def watched(state: State, notes: Notes) -> State:
    """The same state, whose data flow and catchers tell what they do."""
    flow: DataFlow
    if isinstance(state.flow, JsonPathFlow):
        flow = _JsonPathWatch(state.flow, notes, _told_of_jsonpath(state))
    else:
        flow = _JsonataWatch(state.flow, notes, _told_of_jsonata(state))
    if isinstance(state, Task | Parallel | Map):
        return replace(state, flow=flow, catch=_watched_catchers(state.catch, notes))
    return replace(state, flow=flow)


def _told_of_jsonpath(state: State) -> frozenset[str]:
    match state:
        case Task():
            return _OUTPUT | {_INPUT_PATH, _PARAMETERS, _RESULT}
        case Pass():
            return _OUTPUT | ({_RESULT} if state.has_result else {_INPUT_PATH, _PARAMETERS})
        case Parallel():
            return _OUTPUT
        case Map():
            return _OUTPUT | {_INPUT_PATH}
    return frozenset({_INPUT_PATH})


def _told_of_jsonata(state: State) -> frozenset[str]:
    return frozenset({_ARGUMENTS, _RESULT}) if isinstance(state, Task) else frozenset()


def _watched_catchers(catchers: Sequence[Catcher], notes: Notes) -> tuple[Catcher, ...]:
    return tuple(
        replace(catcher, flow=_CatchWatch(catcher.flow, notes, index)) for index, catcher in enumerate(catchers)
    )


class _JsonataWatch:
    """Stands before the flow of a JSONata state."""

    def __init__(self, flow: DataFlow, notes: Notes, told: frozenset[str]) -> None:
        self._flow = flow
        self._notes = notes
        self._told = told

    def enter(self, scope: Scope) -> Json:
        return self._flow.enter(scope)

    def arguments(self, scope: Scope) -> Json:
        arguments = self._flow.arguments(scope)
        if _ARGUMENTS in self._told:
            self._notes.value(_ARGUMENTS, arguments)
        return arguments

    def leave(self, raw: Json, result: Json, scope: Scope) -> Exit:
        self._notes.told(result)
        if _RESULT in self._told:
            self._notes.value(_RESULT, result)
        return self._flow.leave(raw, result, scope)


class _JsonPathWatch(JsonPathFlow):
    """The flow of a JSONPath state, whose steps are told one by one."""

    def __init__(self, flow: JsonPathFlow, notes: Notes, told: frozenset[str]) -> None:
        for name in JsonPathFlow.__slots__:
            setattr(self, name, getattr(flow, name))
        self._notes = notes
        self._told = told

    def enter(self, scope: Scope) -> Json:
        return self._note(_INPUT_PATH, super().enter(scope))

    def arguments(self, scope: Scope) -> Json:
        return self._note(_PARAMETERS, super().arguments(scope))

    def selected(self, result: Json, scope: Scope) -> Json:
        self._notes.told(result)
        self._note(_RESULT, result)
        return self._note(_SELECTOR, super().selected(result, scope))

    def placed(self, raw: Json, selected: Json) -> Json:
        return self._note(_RESULT_PATH, super().placed(raw, selected))

    def _note(self, name: str, value: Json) -> Json:
        if name in self._told:
            self._notes.value(name, value)
        return value


class _CatchWatch:
    """Stands before the flow of a catcher."""

    def __init__(self, flow: CatchFlow, notes: Notes, index: int) -> None:
        self._flow = flow
        self._notes = notes
        self._index = index

    def leave(self, raw: Json, error_output: Json, scope: Scope) -> Exit:
        exit = self._flow.leave(raw, error_output, scope)
        self._notes.caught = self._index
        return exit
