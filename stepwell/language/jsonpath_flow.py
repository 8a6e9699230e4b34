"""What a JSONPath state reads and writes: InputPath, Parameters, ResultSelector, ResultPath, OutputPath.

Rules that must stay true here:
- The order is fixed: InputPath, Parameters, the state's work, ResultSelector, ResultPath, OutputPath.
- A field that is absent, or says `$`, costs nothing and hands on the very object that came in.
- InputPath and OutputPath of null give `{}`; ResultPath of null discards the result.
- Assign sees the result after ResultSelector; in a catcher, the error output.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from copy import copy
from typing import Final, Literal, TypeAlias

from stepwell.language.assign import NOTHING, assigned
from stepwell.language.jsonpath import Path
from stepwell.language.model import Exit, Expression
from stepwell.language.reference_path import ReferencePath
from stepwell.language.scope import Scope
from stepwell.language.values import Json


class Absent(enum.Enum):
    """A field that the definition does not give, as against one that says null."""

    ABSENT = enum.auto()


ABSENT: Final = Absent.ABSENT
_NotGiven: TypeAlias = Literal[Absent.ABSENT]


class JsonPathFlow:
    """The data flow of one state. See `DataFlow`."""

    __slots__ = ("_assign", "_input_path", "_output_path", "_parameters", "_result_path", "_result_selector")

    def __init__(
        self,
        *,
        input_path: Path | _NotGiven | None = ABSENT,
        parameters: Expression | None = None,
        result_selector: Expression | None = None,
        result_path: ReferencePath | _NotGiven | None = ABSENT,
        output_path: Path | _NotGiven | None = ABSENT,
        assign: Expression | None = None,
    ) -> None:
        """None stands for the field's null; for `parameters`, `result_selector` and `assign`, for a field that is not
        given."""
        self._input_path = _unless_whole(input_path)
        self._parameters = parameters
        self._result_selector = result_selector
        self._result_path = ABSENT if isinstance(result_path, ReferencePath) and result_path.is_root else result_path
        self._output_path = _unless_whole(output_path)
        self._assign = assign

    @property
    def changes_nothing(self) -> bool:
        """Whether input and result are handed on as they are, and nothing is assigned."""
        given = (self._parameters, self._result_selector, self._assign)
        paths = (self._input_path, self._result_path, self._output_path)
        return all(each is None for each in given) and all(each is ABSENT for each in paths)

    def with_assign(self, assign: Expression | None) -> JsonPathFlow:
        """The same flow with another Assign."""
        if assign is self._assign:
            return self
        flow = copy(self)
        flow._assign = assign
        return flow

    def enter(self, scope: Scope) -> Json:
        """The input after InputPath."""
        path = self._input_path
        if path is ABSENT:
            return scope.input
        return {} if path is None else path.evaluate(scope)

    def arguments(self, scope: Scope) -> Json:
        """The input after Parameters."""
        return scope.input if self._parameters is None else self._parameters.evaluate(scope)

    def leave(self, raw: Json, result: Json, scope: Scope) -> Exit:
        """The output, after ResultSelector, ResultPath and OutputPath; and what Assign sets."""
        selected = self.selected(result, scope)
        variables = self.assigned(selected, scope)
        return Exit(self.filtered(self.placed(raw, selected), scope), variables)

    def selected(self, result: Json, scope: Scope) -> Json:
        """The result after ResultSelector."""
        return result if self._result_selector is None else self._result_selector.evaluate(scope.on(result))

    def assigned(self, selected: Json, scope: Scope) -> Mapping[str, Json]:
        """The variables that Assign sets."""
        return NOTHING if self._assign is None else assigned(self._assign, scope.on(selected))

    def placed(self, raw: Json, selected: Json) -> Json:
        """The raw input after ResultPath."""
        place = self._result_path
        if place is None:
            return raw
        return selected if place is ABSENT else place.put(raw, selected)

    def filtered(self, placed: Json, scope: Scope) -> Json:
        """The output after OutputPath."""
        path = self._output_path
        if path is ABSENT:
            return placed
        return {} if path is None else path.evaluate(scope.on(placed))


class JsonPathCatch:
    """The data flow of one catcher: its ResultPath and Assign. See `CatchFlow`."""

    __slots__ = ("_assign", "_result_path")

    def __init__(
        self, result_path: ReferencePath | _NotGiven | None = ABSENT, assign: Expression | None = None
    ) -> None:
        """None stands for a ResultPath of null, and for an Assign that is not given."""
        self._result_path = result_path
        self._assign = assign

    def leave(self, raw: Json, error_output: Json, scope: Scope) -> Exit:
        """The raw input with the error put in, the error alone, or the raw input alone; and what Assign sets."""
        variables = NOTHING if self._assign is None else assigned(self._assign, scope.on(error_output))
        place = self._result_path
        if place is None:
            return Exit(raw, variables)
        return Exit(error_output if place is ABSENT else place.put(raw, error_output), variables)


def _unless_whole(path: Path | _NotGiven | None) -> Path | _NotGiven | None:
    """ABSENT for `$`, which changes nothing."""
    return ABSENT if isinstance(path, Path) and path.text == "$" else path


UNCHANGED: Final = JsonPathFlow()
"""The flow of all states that change nothing: whoever meets it need not ask."""
