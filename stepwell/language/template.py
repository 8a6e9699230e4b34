"""Payload templates: Parameters, ItemSelector, ResultSelector, and the like.

Rules that must stay true here:
- A member whose name ends in `.$` is a path or an intrinsic call; it is evaluated and loses the `.$`. All else is data.
- What does not depend on the scope is built once, at compile time, and shared by every answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from stepwell.language.errors import QueryError, SyntaxFault
from stepwell.language.intrinsics import compile_intrinsic
from stepwell.language.jsonpath import MISSING, Path, compile_path
from stepwell.language.model import Expression
from stepwell.language.scope import FEW, Scope
from stepwell.language.values import Json, dumps

_Build: TypeAlias = Callable[[Scope], Json]

_DEEPEST = 200


class TemplateFault(SyntaxFault):
    """A `.$` member that is no path and no intrinsic call.

    `pointer` is the JSON pointer, inside the template, of the object that holds the member ("" for the template
    itself); `field` is the member's name with its `.$`; `message` is AWS's sentence, without its "at …".
    """

    def __init__(self, pointer: str, field: str, message: str) -> None:
        super().__init__(message)
        self.pointer = pointer
        self.field = field


class Literal:
    """A value that is written in the definition: every evaluation gives the same object."""

    __slots__ = ("value",)

    def __init__(self, value: Json) -> None:
        self.value = value

    def evaluate(self, scope: Scope) -> Json:
        """The value."""
        return self.value


class Template:
    """A payload template with at least one dynamic member."""

    __slots__ = ("_build",)

    def __init__(self, build: _Build) -> None:
        self._build = build

    def evaluate(self, scope: Scope) -> Json:
        """The payload. Raises QueryError where a path leads nowhere or an intrinsic function fails."""
        return self._build(scope)


class RequiredPath:
    """A path that must lead somewhere, for a field that the error names."""

    __slots__ = ("_field", "_path")

    def __init__(self, path: Path, field: str) -> None:
        self._path = path
        self._field = field

    def evaluate(self, scope: Scope) -> Json:
        """What the path leads to. Raises QueryError, naming the field, where it leads nowhere."""
        value = self._path.find(scope)
        if value is MISSING:
            raise QueryError(
                f"The JSONPath '{self._path.text}' specified for the field '{self._field}' "
                f"could not be found in the input '{dumps(scope.input)}'"
            )
        return value


def compile_template(value: Json) -> Expression:
    """The compiled template. Raises TemplateFault. A template without a dynamic member is a `Literal` of `value`."""
    build = _compile(value, "", weighed=_dynamic_members(value) > FEW)
    return Literal(value) if build is None else Template(build)


def compile_dynamic(text: str, field: str) -> Expression:
    """A path or an intrinsic call that stands in the named field. Raises SyntaxFault."""
    if text.startswith("$"):
        return RequiredPath(compile_path(text), field)
    return compile_intrinsic(text)


def _dynamic_members(value: Json) -> int:
    """How many members are evaluated, counted as far as that matters."""
    count = 0
    waiting = [value]
    while waiting and count <= FEW:
        item = waiting.pop()
        if isinstance(item, dict):
            count += sum(name.endswith(".$") for name in item)
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
    return count


def _compile(value: Json, pointer: str, *, weighed: bool) -> _Build | None:
    """How to build the value, or None where it is the same in every scope. `weighed` says that what its members lead
    to counts: there are many."""
    if pointer.count("/") > _DEEPEST:
        raise TemplateFault(pointer, pointer.rpartition("/")[2], "The template is nested too deeply")
    if isinstance(value, dict):
        return _compile_object(value, pointer, weighed=weighed)
    if isinstance(value, list):
        return _compile_array(value, pointer, weighed=weighed)
    return None


def _compile_object(template: dict[str, Json], pointer: str, *, weighed: bool) -> _Build | None:
    fixed: dict[str, Json] = {}
    dynamic: list[tuple[str, _Build]] = []
    for name, item in template.items():
        build: _Build | None
        if name.endswith(".$"):
            member = _compile_member(name, item, pointer)
            key, build = name[:-2], _weighed(member) if weighed else member
        else:
            key, build = name, _compile(item, f"{pointer}/{_escaped(name)}", weighed=weighed)
        if key in fixed:
            raise TemplateFault(pointer, name, f"The field '{key}' is given twice")
        fixed[key] = item if build is None else None
        if build is not None:
            dynamic.append((key, build))
    if not dynamic:
        return None
    members = tuple(dynamic)

    def build_object(scope: Scope) -> Json:
        built = fixed.copy()  # keeps the order of the definition
        for key, build in members:
            built[key] = build(scope)
        return built

    return build_object


def _compile_member(name: str, item: Json, pointer: str) -> _Build:
    if isinstance(item, str):
        try:
            return compile_dynamic(item, name).evaluate
        except SyntaxFault:
            pass
    sentence = f"The value for the field '{name}' must be a valid JSONPath or a valid intrinsic function call"
    raise TemplateFault(pointer, name, sentence)


def _weighed(build: _Build) -> _Build:
    return lambda scope: scope.weighed(build(scope))


def _compile_array(template: list[Json], pointer: str, *, weighed: bool) -> _Build | None:
    builds = [_compile(item, f"{pointer}/{index}", weighed=weighed) for index, item in enumerate(template)]
    if not any(builds):
        return None
    parts = tuple(zip(template, builds, strict=True))

    def build_array(scope: Scope) -> Json:
        return [item if build is None else build(scope) for item, build in parts]

    return build_array


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
