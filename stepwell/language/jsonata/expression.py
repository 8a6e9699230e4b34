"""Fields of a JSONata state: one expression, or a value with expressions in it.

Rules that must stay true here:
- A string is an expression where it begins with `{%` and ends with `%}`, to the letter; all other data is literal.
- An error names the expression and the field as AWS does: `Output/items[0]`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NoReturn, TypeAlias

from stepwell.language.errors import QUERY_EVALUATION_ERROR, QueryError, SyntaxFault
from stepwell.language.jsonata.query import Query, QueryFault
from stepwell.language.model import Expression
from stepwell.language.scope import FEW, Scope
from stepwell.language.template import Literal
from stepwell.language.values import Json, dumps

_OPEN: Final = "{%"
_CLOSE: Final = "%}"
_Build: TypeAlias = Callable[[Scope], Json]


class ExpressionFault(SyntaxFault):
    """An expression that is not well formed; `place` is that of the value that holds it, inside the field."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(message)
        self.place = place


def is_expression(value: Json) -> bool:
    """Whether a value of the definition is an expression."""
    return (
        isinstance(value, str)
        and value.startswith(_OPEN)
        and value.endswith(_CLOSE)
        and len(value) >= len(_OPEN) + len(_CLOSE)
    )


class Evaluated:
    """An expression in a field. `field` is its place in the state: `Arguments/Payload`, `Choices[0]/Condition`."""

    __slots__ = ("field", "query")

    def __init__(self, text: str, field: str) -> None:
        """`text` is with its delimiters. Raises SyntaxFault."""
        self.field = field
        self.query = Query(text[len(_OPEN) : -len(_CLOSE)])

    def evaluate(self, scope: Scope) -> Json:
        """The value. Raises QueryError, and Overrun where the scope is in a hurry."""
        try:
            return self.query.evaluate(scope)
        except QueryFault as fault:
            self.fail(str(fault))

    def fail(self, sentence: str) -> NoReturn:
        """Raises QueryError with the end of AWS's sentence on this expression."""
        raise QueryError(
            f"The JSONata expression '{self.query.source}' specified for the field '{self.field}' {sentence}",
            QUERY_EVALUATION_ERROR,
            self.field,
        )

    def refuse(self, expected: str, value: Json) -> NoReturn:
        """Raises QueryError: the value is not of the type that the field takes."""
        self.fail(
            f"returned an unexpected result type. Expected '{expected}', but was '{type_name(value)}' for value: "
            f"{dumps(value)}"
        )


def type_name(value: Json) -> str:
    """The JSON type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names = {str: "string", int: "number", float: "number", list: "array", dict: "object"}
    return names[type(value)]


class Template:
    """A value with at least one expression in it."""

    __slots__ = ("_build",)

    def __init__(self, build: _Build) -> None:
        self._build = build

    def evaluate(self, scope: Scope) -> Json:
        """The value with its expressions evaluated. Raises QueryError."""
        return self._build(scope)


def compile_value(value: Json, field: str) -> Expression:
    """What a field of any shape holds. Raises ExpressionFault. Without an expression it is a `Literal` of `value`."""
    if is_expression(value):
        assert isinstance(value, str)
        return _compile_text(value, field, "")
    build = _compile(value, field, "", weighed=_expressions(value) > FEW)
    return Literal(value) if build is None else Template(build)


def _expressions(value: Json) -> int:
    """How many expressions a value holds, counted as far as that matters."""
    count = 0
    waiting = [value]
    while waiting and count <= FEW:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
        else:
            count += is_expression(item)
    return count


def _compile_text(text: str, field: str, place: str) -> Evaluated:
    try:
        return Evaluated(text, field + place)
    except SyntaxFault as fault:
        raise ExpressionFault(place, fault.message) from None


def _compile(value: Json, field: str, place: str, *, weighed: bool) -> _Build | None:
    """How to build the value, or None where it is the same in every scope. `weighed` says that what its expressions
    give counts: there are many."""
    if isinstance(value, dict):
        return _compile_object(value, field, place, weighed=weighed)
    if isinstance(value, list):
        return _compile_array(value, field, place, weighed=weighed)
    if isinstance(value, str) and is_expression(value):
        evaluate = _compile_text(value, field, place).evaluate
        return (lambda scope: scope.weighed(evaluate(scope))) if weighed else evaluate
    return None


def _compile_object(template: dict[str, Json], field: str, place: str, *, weighed: bool) -> _Build | None:
    members: list[tuple[str, _Build]] = []
    for name, item in template.items():
        build = _compile(item, field, f"{place}/{name}", weighed=weighed)
        if build is not None:
            members.append((name, build))
    if not members:
        return None

    def build_object(scope: Scope) -> Json:
        built = template.copy()  # keeps the order of the definition
        for name, build in members:
            built[name] = build(scope)
        return built

    return build_object


def _compile_array(template: list[Json], field: str, place: str, *, weighed: bool) -> _Build | None:
    builds = [_compile(item, field, f"{place}[{index}]", weighed=weighed) for index, item in enumerate(template)]
    if not any(builds):
        return None
    parts = tuple(zip(template, builds, strict=True))

    def build_array(scope: Scope) -> Json:
        return [item if build is None else build(scope) for item, build in parts]

    return build_array
