"""AWS::Serverless::Function and AWS::Lambda::Function, as descriptions.

Rules that must stay true here:
- What a template leaves out is what AWS takes: 3 seconds, 128 MB, any concurrency.
- A function that cannot run here is a function all the same: definitions name it, and who calls it is told why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stepwell.deploy.cdk import Assets
from stepwell.deploy.code import FROM_SOURCE, function_code, local_code, missing_handler
from stepwell.deploy.description import Archive, Code, Elsewhere, Folder, FunctionSpec
from stepwell.deploy.event_calls import PROPERTIES, event_calls
from stepwell.deploy.faults import TemplateError
from stepwell.deploy.intrinsics import text_of
from stepwell.deploy.names import physical_name
from stepwell.deploy.scope import Scope
from stepwell.language.values import Json

TYPES: Final = ("AWS::Serverless::Function", "AWS::Lambda::Function")
LAYER_TYPES: Final = ("AWS::Serverless::LayerVersion", "AWS::Lambda::LayerVersion")

_READ = (
    *("Architectures", "Code", "CodeUri", "Environment", "FunctionName", "Handler", "ImageUri", "InlineCode", "Layers"),
    *("MemorySize", "PackageType", "ReservedConcurrentExecutions", "Runtime", "Timeout"),
    *PROPERTIES,
)


def read_function(
    scope: Scope, assets: Assets, logical_id: str, properties: Mapping[str, Json], metadata: Mapping[str, Json]
) -> FunctionSpec:
    """`properties` are those of the resource with the Globals merged in, not yet resolved. Raises TemplateError."""
    layers = properties.get("Layers")
    found = scope.members(
        {name: properties[name] for name in _READ if name in properties and name != "Layers"}, logical_id
    )
    runtime, handler = _text(found, "Runtime", logical_id), _text(found, "Handler", logical_id)
    code = function_code(scope, assets, logical_id, found, metadata, runtime)
    layer_code = _layers(scope, assets, layers, f"{logical_id}.Layers")
    events, notes = event_calls(found, logical_id)
    return FunctionSpec(
        logical_id=logical_id,
        name=physical_name(scope, logical_id),
        runtime=runtime,
        handler=handler,
        code=_runnable(code, runtime, handler, layer_code),
        layers=layer_code,
        environment=_environment(found.get("Environment"), f"{logical_id}.Environment"),
        timeout=float(_number(found, "Timeout", logical_id) or 3),
        memory=_number(found, "MemorySize", logical_id) or 128,
        concurrency=_number(found, "ReservedConcurrentExecutions", logical_id),
        events=events,
        notes=notes,
    )


def _runnable(code: Code, runtime: str | None, handler: str | None, layers: tuple[Folder | Archive, ...]) -> Code:
    """The code, or why it cannot run here."""
    if isinstance(code, Elsewhere):
        return code
    if runtime is None or not runtime.startswith(FROM_SOURCE):
        return Elsewhere(f"its runtime is {runtime or 'not named'}, which does not run here")
    if not handler:
        return Elsewhere("it has no Handler")
    if isinstance(code, Folder):
        missing = missing_handler(code, runtime, handler, layers)
        if missing is not None:
            return Elsewhere(missing)
    return code


def left_out_layers(scope: Scope, assets: Assets, properties: Mapping[str, Json], logical_id: str) -> list[str]:
    """The layers of a function that it has to do without, and why, a line each. Raises TemplateError."""
    told: list[str] = []
    for item in _listed(scope, properties.get("Layers"), f"{logical_id}.Layers"):
        own = _own_layer(scope, item)
        content = None if own is None else _content(scope, assets, own)
        if isinstance(content, Elsewhere):
            told.append(f"{logical_id}: the layer {own} is left out: {content.reason}")
        if own is None and isinstance(text := scope.resolve(item, f"{logical_id}.Layers"), str) and text:
            told.append(f"{logical_id}: the layer {text} is not in this template, and is left out")
    return told


def _layers(scope: Scope, assets: Assets, layers: Json, at: str) -> tuple[Folder | Archive, ...]:
    """The layers of this template whose content is on this machine."""
    own = [logical_id for item in _listed(scope, layers, at) if (logical_id := _own_layer(scope, item)) is not None]
    contents = [_content(scope, assets, logical_id) for logical_id in own]
    return tuple(content for content in contents if isinstance(content, Folder | Archive))


def _content(scope: Scope, assets: Assets, logical_id: str) -> Code:
    """What a layer of this template holds."""
    resource = scope.resources[logical_id]
    assert isinstance(resource, dict)
    properties = scope.members(resource.get("Properties"), logical_id)
    metadata = resource.get("Metadata")
    return local_code(
        scope,
        assets,
        f"{logical_id}.ContentUri",
        properties.get("ContentUri", properties.get("Content")),
        metadata if isinstance(metadata, dict) else {},
    )


def _own_layer(scope: Scope, item: Json) -> str | None:
    """The logical id of a layer of this template that a function names."""
    name: Json = None
    if isinstance(item, dict):
        name = item.get("Ref")
        attribute = item.get("Fn::GetAtt")
        if isinstance(attribute, list) and attribute:
            name = attribute[0]
        if isinstance(item.get("Fn::Sub"), str):
            name = str(item["Fn::Sub"]).removeprefix("${").removesuffix("}").removesuffix(".Arn")
    if isinstance(name, str) and _is_layer(scope.resources.get(name)):
        return name
    text = scope.resolve(item, "Layers")  # of a condition's branch, say
    layers = (id for id, resource in scope.resources.items() if _is_layer(resource))
    return next((id for id in layers if scope.reference(id, id) == text), None)


def _is_layer(resource: Json) -> bool:
    return isinstance(resource, dict) and resource.get("Type") in LAYER_TYPES


def _listed(scope: Scope, layers: Json, at: str) -> list[Json]:
    found = scope.resolve(layers, at) if isinstance(layers, dict) else layers
    if found is not None and not isinstance(found, list):
        raise TemplateError(at, f"it is a list of layers, not {found!r}.")
    return found or []


def _environment(value: Json, at: str) -> dict[str, str]:
    variables = value.get("Variables") if isinstance(value, dict) else None
    if variables is None:
        return {}
    if not isinstance(variables, dict):
        raise TemplateError(at, "Variables must be an object.")
    return {name: text_of(text, f"{at}.Variables.{name}") for name, text in variables.items() if text is not None}


def _text(found: Mapping[str, Json], name: str, at: str) -> str | None:
    value = found.get(name)
    return None if value is None else text_of(value, f"{at}.{name}")


def _number(found: Mapping[str, Json], name: str, at: str) -> int | None:
    value = found.get(name)
    if value is None:
        return None
    try:
        return int(text_of(value, f"{at}.{name}"))
    except ValueError:
        raise TemplateError(f"{at}.{name}", f"{value!r} is no whole number.") from None


def merged(base: Mapping[str, Json], own: Mapping[str, Json]) -> dict[str, Json]:
    """A resource's properties on top of its Globals: objects are merged, lists joined, everything else replaced."""
    together = dict(base)
    for name, value in own.items():
        there = together.get(name)
        if isinstance(there, dict) and isinstance(value, dict) and not (_is_function(there) or _is_function(value)):
            together[name] = merged(there, value)
        elif isinstance(there, list) and isinstance(value, list):
            together[name] = [*there, *value]
        else:
            together[name] = value
    return together


def _is_function(value: dict[str, Json]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith(("Ref", "Fn::"))
