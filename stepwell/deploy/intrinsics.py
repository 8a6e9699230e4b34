"""The intrinsic functions of CloudFormation, one Python function each.

Rules that must stay true here:
- A function resolves its own arguments, and only those that it needs: `Fn::If` never looks at the other branch.
- An argument of a wrong form is a fault with the function's name and what it takes.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from typing import Final, Protocol, cast

from stepwell.deploy.faults import TemplateError
from stepwell.language.values import Json


class NoValue:
    """What `AWS::NoValue` stands for: the member or item is left out."""


NO_VALUE: Final[Json] = cast("Json", NoValue())

_IN_SUB = re.compile(r"\$\{([^!{}][^{}]*)\}")
_LITERAL = re.compile(r"\$\{!([^{}]*)\}")


class Scope(Protocol):
    """What functions find names in; see `stepwell.deploy.scope`."""

    @property
    def mappings(self) -> Mapping[str, Json]: ...
    def resolve(self, value: Json, at: str) -> Json: ...
    def text(self, value: Json, at: str) -> str: ...
    def reference(self, name: str, at: str) -> Json: ...
    def attribute(self, name: str, attribute: str, at: str) -> Json: ...
    def condition(self, value: Json, at: str) -> bool: ...
    def named_condition(self, name: str, at: str) -> bool: ...
    def imported(self, name: str, at: str) -> Json: ...
    def included(self, location: str, at: str) -> Json: ...


def text_of(value: Json, at: str) -> str:
    """A scalar as CloudFormation writes it into a text. Raises TemplateError."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        return ",".join(text_of(item, at) for item in value)  # a parameter that is a list
    raise TemplateError(at, f"a text is needed here, not {json.dumps(value, default=str)[:100]}.")


def _ref(scope: Scope, argument: Json, at: str) -> Json:
    if not isinstance(argument, str):
        raise TemplateError(at, "Ref takes the name of a parameter or a resource.")
    return scope.reference(argument, at)


def _get_att(scope: Scope, argument: Json, at: str) -> Json:
    if isinstance(argument, str):
        argument = cast("Json", argument.split(".", 1))
    if not (isinstance(argument, list) and len(argument) == 2 and isinstance(argument[0], str)):
        raise TemplateError(at, "Fn::GetAtt takes [LogicalId, Attribute].")
    return scope.attribute(argument[0], scope.text(argument[1], at), at)


def _sub(scope: Scope, argument: Json, at: str) -> Json:
    parts = argument if isinstance(argument, list) else [argument]
    text, variables = (*parts, {}, {})[:2]
    if not (isinstance(text, str) and isinstance(variables, dict) and len(parts) <= 2):
        raise TemplateError(at, "Fn::Sub takes a text, or [text, {name: value}].")

    def fill(found: re.Match[str]) -> str:
        name = found[1].strip()
        if name in variables:
            return scope.text(variables[name], f"{at}.{name}")
        logical_id, dot, attribute = name.partition(".")
        value = scope.attribute(logical_id, attribute, at) if dot else scope.reference(name, at)
        return "" if value is NO_VALUE else text_of(value, at)

    return _LITERAL.sub(r"${\1}", _IN_SUB.sub(fill, text))


def _join(scope: Scope, argument: Json, at: str) -> Json:
    if not (isinstance(argument, list) and len(argument) == 2 and isinstance(argument[0], str)):
        raise TemplateError(at, "Fn::Join takes [delimiter, [text, …]].")
    parts = scope.resolve(argument[1], at)
    if not isinstance(parts, list):
        raise TemplateError(at, "Fn::Join takes a list of texts as its second argument.")
    return argument[0].join(text_of(part, at) for part in parts)


def _if(scope: Scope, argument: Json, at: str) -> Json:
    if not (isinstance(argument, list) and len(argument) == 3):
        raise TemplateError(at, "Fn::If takes [condition, value, value].")
    condition, then, otherwise = argument
    holds = scope.named_condition(condition, at) if isinstance(condition, str) else scope.condition(condition, at)
    return scope.resolve(then if holds else otherwise, at)


def _find_in_map(scope: Scope, argument: Json, at: str) -> Json:
    if not (isinstance(argument, list) and len(argument) in (3, 4)):
        raise TemplateError(at, "Fn::FindInMap takes [map, key, key].")
    name, first, second = (scope.text(part, at) for part in argument[:3])
    rows = scope.mappings.get(name)
    row = rows.get(first) if isinstance(rows, dict) else None
    if isinstance(row, dict) and second in row:
        return row[second]
    if len(argument) == 4 and isinstance(argument[3], dict) and "DefaultValue" in argument[3]:
        return scope.resolve(argument[3]["DefaultValue"], at)
    way_out = " Is it a map of regions? Choose one of them with --region." if first.count("-") >= 2 else ""
    raise TemplateError(at, f"Mappings has no {name}.{first}.{second}.{way_out}")


def _select(scope: Scope, argument: Json, at: str) -> Json:
    if not (isinstance(argument, list) and len(argument) == 2):
        raise TemplateError(at, "Fn::Select takes [index, list].")
    index = scope.text(argument[0], at)
    items = scope.resolve(argument[1], at)
    if isinstance(items, str):
        items = cast("Json", [item.strip() for item in items.split(",")])
    if not (isinstance(items, list) and index.isdecimal() and int(index) < len(items)):
        raise TemplateError(at, f"Fn::Select: there is no item {index}.")
    return items[int(index)]


def _split(scope: Scope, argument: Json, at: str) -> Json:
    if not (isinstance(argument, list) and len(argument) == 2 and isinstance(argument[0], str) and argument[0]):
        raise TemplateError(at, "Fn::Split takes [delimiter, text].")
    return cast("Json", scope.text(argument[1], at).split(argument[0]))


def _base64(scope: Scope, argument: Json, at: str) -> Json:
    return base64.b64encode(scope.text(argument, at).encode()).decode()


def _import_value(scope: Scope, argument: Json, at: str) -> Json:
    return scope.imported(scope.text(argument, at), at)


def _get_azs(scope: Scope, argument: Json, at: str) -> Json:
    region = scope.text(argument, at) or text_of(scope.reference("AWS::Region", at), at)
    return [f"{region}{zone}" for zone in "abc"]


def _cidr(scope: Scope, argument: Json, at: str) -> Json:
    if not (isinstance(argument, list) and len(argument) in (2, 3)):
        raise TemplateError(at, "Fn::Cidr takes [block, count, bits].")
    block, count, *bits = (scope.text(part, at) for part in argument)
    try:
        network = ipaddress.ip_network(block)
        prefix = network.max_prefixlen - int(bits[0] if bits else "8")
        wanted = min(int(count), 256)
        return [str(part) for part, _ in zip(network.subnets(new_prefix=prefix), range(wanted), strict=False)]
    except ValueError as error:
        raise TemplateError(at, f"Fn::Cidr: {error}.") from error


def _length(scope: Scope, argument: Json, at: str) -> Json:
    items = scope.resolve(argument, at)
    if not isinstance(items, list):
        raise TemplateError(at, "Fn::Length takes a list.")
    return len(items)


def _to_json_string(scope: Scope, argument: Json, at: str) -> Json:
    return json.dumps(scope.resolve(argument, at), separators=(",", ":"), ensure_ascii=False)


def _transform(scope: Scope, argument: Json, at: str) -> Json:
    name = argument.get("Name") if isinstance(argument, dict) else argument
    if name != "AWS::Include" or not isinstance(argument, dict):
        raise TemplateError(at, f"the macro {name} runs in AWS only; of macros there is AWS::Include here.")
    parameters = argument.get("Parameters")
    if not (isinstance(parameters, dict) and "Location" in parameters):
        raise TemplateError(at, "AWS::Include takes Parameters with a Location.")
    return scope.included(scope.text(parameters["Location"], at), at)


Function = Callable[[Scope, Json, str], Json]
FUNCTIONS: Final[Mapping[str, Function]] = {
    "Ref": _ref,
    "Fn::Base64": _base64,
    "Fn::Cidr": _cidr,
    "Fn::FindInMap": _find_in_map,
    "Fn::GetAZs": _get_azs,
    "Fn::GetAtt": _get_att,
    "Fn::If": _if,
    "Fn::ImportValue": _import_value,
    "Fn::Join": _join,
    "Fn::Length": _length,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Sub": _sub,
    "Fn::ToJsonString": _to_json_string,
    "Fn::Transform": _transform,
}


def _equals(scope: Scope, argument: Json, at: str) -> bool:
    if not (isinstance(argument, list) and len(argument) == 2):
        raise TemplateError(at, "Fn::Equals takes [value, value].")
    first, second = (scope.resolve(part, at) for part in argument)
    if isinstance(first, dict | list) or isinstance(second, dict | list):
        return first == second
    return text_of(first, at) == text_of(second, at)


def _all(scope: Scope, argument: Json, at: str) -> bool:
    return all(scope.condition(part, at) for part in _conditions(argument, "Fn::And", at))


def _any(scope: Scope, argument: Json, at: str) -> bool:
    return any(scope.condition(part, at) for part in _conditions(argument, "Fn::Or", at))


def _not(scope: Scope, argument: Json, at: str) -> bool:
    [part] = _conditions(argument, "Fn::Not", at, 1)
    return not scope.condition(part, at)


def _conditions(argument: Json, name: str, at: str, most: int = 10) -> list[Json]:
    if not (isinstance(argument, list) and 1 <= len(argument) <= most):
        raise TemplateError(at, f"{name} takes a list of {'one condition' if most == 1 else 'conditions'}.")
    return argument


CONDITION_FUNCTIONS: Final[Mapping[str, Callable[[Scope, Json, str], bool]]] = {
    "Fn::And": _all,
    "Fn::Equals": _equals,
    "Fn::Not": _not,
    "Fn::Or": _any,
}
