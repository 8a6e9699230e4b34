"""Typed arguments: what a job's input must look like, what is wrong with one, and how it becomes arguments.

A handler with one parameter of a model's type (a dataclass, a TypedDict, a struct of msgspec, a model of pydantic)
takes the input as that model; one with one parameter that says nothing of its type (none, `Any`, `dict`) takes it as it
is; any other takes its members as arguments.

Rules that must stay true here:
- What passes here at the door binds in the worker: both use the same types.
- pydantic is used where the user's own model is one, and never imported otherwise.
- Every fault names the member, its value and what would be taken.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import typing
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

_SHOWN: Final = 100  # characters of a value in a fault
_PLACE = re.compile(r"^(?P<what>.*?) - at `\$(?P<path>.*)`$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_WHOLE: Final = (inspect.Parameter.empty, Any, dict, Mapping, object)


class Fault(Struct, frozen=True):
    """One thing that is wrong with an input. `pointer` is a JSON pointer, `value` the text of what stands there (None
    where nothing does), `expected` says what would be taken."""

    pointer: str
    detail: str
    expected: str
    value: str | None = None


class Model:
    """A type that JSON values are checked against. `Any` takes everything."""

    def __init__(self, type_: Any) -> None:
        self.type = type_
        self._is_pydantic = _is_pydantic(type_)

    def schema(self, template: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The JSON schema (draft 2020-12), and those it refers to, by name; `template` has `{name}` for a reference."""
        if self._is_pydantic:
            schema = self.type.model_json_schema(ref_template=template.replace("{name}", "{model}"))
            return schema, schema.pop("$defs", {})
        (schema,), components = msgspec.json.schema_components([self.type], ref_template=template)
        return schema, components

    def faults(self, value: Any) -> list[Fault]:
        """What is wrong with a value; more than one where several members of an object are."""
        if self._is_pydantic:
            return _pydantic_faults(self.type, value)
        return _faults(self.type, value)

    def convert(self, value: Any) -> Any:
        """The value as this type. Raises what the library raises."""
        return self.type.model_validate(value) if self._is_pydantic else msgspec.convert(value, self.type)


class Arguments(Struct, frozen=True):
    """The input of a handler, as its signature says. `spread`: the model's members are its arguments."""

    model: Model
    output: Model
    spread: bool = False

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Arguments:
        """Raises TypeError where the handler's annotations cannot be used."""
        hints = _hints(function)
        output = Model(hints.get("return", Any))
        found = inspect.signature(function).parameters
        parameters = {name: found[name] for name in found if name != "context"}
        for name, parameter in parameters.items():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
                raise TypeError(f"{function.__qualname__}: {name} cannot be filled by name; write out the arguments")
        if not parameters:
            return cls(Model(_struct(function, {}, parameters)), output, spread=True)
        if len(parameters) == 1:
            (name,) = parameters
            hint = hints.get(name, Any)
            if _is_model(hint):
                return cls(Model(hint), output)
            if name not in hints or hint in _WHOLE:
                return cls(Model(hint), output)
        if any(_is_pydantic(hints.get(name)) for name in parameters):
            return cls(Model(_pydantic_model(function, hints, parameters)), output, spread=True)
        return cls(Model(_struct(function, hints, parameters)), output, spread=True)

    def bind(self, event: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments, positional and named. Raises what the library raises."""
        value = self.model.convert(event)
        if not self.spread:
            return (value,), {}
        if isinstance(value, msgspec.Struct):
            return (), {name: getattr(value, name) for name in value.__struct_fields__}
        return (), {name: getattr(value, name) for name in type(value).model_fields}


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError as fault:
        raise TypeError(
            f"{function.__qualname__}: {fault} in an annotation: define the type at the top of a module"
        ) from fault


def _is_pydantic(type_: Any) -> bool:
    module = sys.modules.get("pydantic")
    return module is not None and isinstance(type_, type) and issubclass(type_, module.BaseModel)


def _is_model(type_: Any) -> bool:
    return isinstance(type_, type) and (
        dataclasses.is_dataclass(type_)
        or issubclass(type_, msgspec.Struct)
        or typing.is_typeddict(type_)
        or _is_pydantic(type_)
    )


def _struct(function: Callable[..., Any], hints: dict[str, Any], parameters: dict[str, inspect.Parameter]) -> Any:
    fields: list[Any] = []
    for name, parameter in parameters.items():
        hint = hints.get(name, Any)
        fields.append((name, hint) if parameter.default is parameter.empty else (name, hint, _default(parameter)))
    return msgspec.defstruct(_title(function), fields, kw_only=True, forbid_unknown_fields=True)


def _default(parameter: inspect.Parameter) -> Any:
    value = parameter.default
    return msgspec.field(default_factory=lambda: value) if isinstance(value, list | dict | set) else value


def _pydantic_model(
    function: Callable[..., Any], hints: dict[str, Any], parameters: dict[str, inspect.Parameter]
) -> Any:
    pydantic: Any = sys.modules["pydantic"]
    fields: dict[str, Any] = {
        name: (hints.get(name, Any), ... if parameter.default is parameter.empty else parameter.default)
        for name, parameter in parameters.items()
    }
    return pydantic.create_model(_title(function), __config__=pydantic.ConfigDict(extra="forbid"), **fields)


def _title(function: Callable[..., Any]) -> str:
    return "".join(part.capitalize() for part in function.__name__.split("_")) + "Input"


# -- what is wrong with a value


def _faults(type_: Any, value: Any) -> list[Fault]:
    try:
        msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        first = _fault(str(error), value, type_)
    else:
        return []
    fields = _fields(type_)
    if fields is None or not isinstance(value, dict):
        return [first]
    found = []
    for field in fields:
        pointer = f"/{_escaped(field.encode_name)}"
        if field.encode_name not in value:
            if field.required:
                expected = _expected(field.type)
                found.append(Fault(pointer, f"{field.encode_name} is missing", f"{field.encode_name}: {expected}"))
            continue
        given = value[field.encode_name]
        try:
            msgspec.convert(given, field.type)
        except msgspec.ValidationError as error:
            inner = _fault(str(error), given, field.type)
            found.append(msgspec.structs.replace(inner, pointer=pointer + inner.pointer))
    names = [field.encode_name for field in fields]
    if _is_closed(type_):
        for name in [name for name in value if name not in names]:
            expected = f"one of {', '.join(names)}" if names else "an empty object"
            found.append(Fault(f"/{_escaped(name)}", f"{name} is not known here", expected, _shown(value[name])))
    return found or [first]


def _is_closed(type_: Any) -> bool:
    config: Any = getattr(type_, "__struct_config__", None)
    return config is not None and config.forbid_unknown_fields


def _fields(type_: Any) -> tuple[Any, ...] | None:
    """The members of a struct, a dataclass or a TypedDict, with the types as they were written."""
    if not _is_model(type_):
        return None
    hints = typing.get_type_hints(type_, include_extras=True)
    described: Any = msgspec.inspect.type_info(type_)
    return tuple(_Field(field.encode_name, hints.get(field.name, Any), field.required) for field in described.fields)


class _Field(Struct, frozen=True):
    encode_name: str
    type: Any
    required: bool


def _fault(message: str, value: Any, type_: Any) -> Fault:
    """What msgspec says, with the place as a JSON pointer and the value that stands there."""
    found = _PLACE.match(message)
    what, path = (found["what"], found["path"]) if found else (message, "")
    pointer, at = "", value
    for name, index in _STEP.findall(path):
        if index == "...":
            break
        pointer += f"/{_escaped(name or index)}"
        try:
            at = at[name] if name else at[int(index)]
        except (KeyError, IndexError, TypeError):
            at = None
    expected = what.partition(", got ")[0].removeprefix("Expected ").replace("`", "")
    if not what.startswith("Expected"):
        expected = _expected(type_)
    return Fault(pointer, what.replace("`", ""), expected, _shown(at))


def _pydantic_faults(type_: Any, value: Any) -> list[Fault]:
    pydantic: Any = sys.modules["pydantic"]
    try:
        type_.model_validate(value)
    except pydantic.ValidationError as error:
        return [
            Fault(
                "".join(f"/{_escaped(str(part))}" for part in entry["loc"]),
                entry["msg"],
                entry["type"].replace("_", " "),
                None if entry["type"] == "missing" else _shown(entry["input"]),
            )
            for entry in error.errors(include_url=False, include_context=False)
        ]
    return []


def _expected(type_: Any) -> str:
    """A type in words: what its JSON schema calls it."""
    try:
        schema = msgspec.json.schema(type_)
    except (TypeError, RuntimeError):
        return "a value"
    if "$ref" in schema:
        return "an object"
    kinds = [part.get("type", "value") for part in schema.get("anyOf", [schema])]
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    if kinds == ["array"] and isinstance(schema.get("items"), dict) and "type" in schema["items"]:
        return f"array of {schema['items']['type']}"
    return " or ".join(kinds)


def _shown(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")
