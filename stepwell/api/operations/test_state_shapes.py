"""Whether a mocked result of a service call is one that the service could have given.

Rules that must stay true here:
- Only what the service's API model defines is checked; what the model does not know is let pass.
- The results of `.waitForTaskToken`, of functions and activities, of HTTP calls and the like have no model.
- Names are written as Step Functions writes them: their first letter is a capital.
- The models of the optimised integrations travel in the wheel; those of all other services are botocore's, where that
  is installed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

import orjson

from stepwell.api.faults import ApiFault, validation
from stepwell.language.model import Resource
from stepwell.language.values import Json

_TABLE: Final[dict[str, Any]] = orjson.loads(
    files("stepwell.api.operations").joinpath("test_state_shapes.json").read_bytes()
)

_UNCHECKED: Final = frozenset({"http:invoke", "apigateway:invoke", "eks:call", "eks:runJob"})
"""Integrations whose results have no model (AWS developer guide, "Mock validation modes")."""

_POLLED: Final[Mapping[str, str]] = {
    "athena:startQueryExecution": "getQueryExecution",
    "sagemaker:createProcessingJob": "describeProcessingJob",
    "sagemaker:createTrainingJob": "describeTrainingJob",
    "sagemaker:createTransformJob": "describeTransformJob",
    "states:startExecution": "describeExecution",
}
"""What a `.sync` integration answers is what this operation answers, where it is the answer of one as a whole."""

_ANY: Final[Mapping[str, frozenset[str]]] = {
    "lambda:invoke": frozenset({"Payload"}),
    "states:startExecution.sync:2": frozenset({"Input", "Output"}),
}
"""Members that Step Functions turns from text into JSON of any kind."""

_KINDS: Final[Mapping[str, tuple[Callable[[Json], bool], str]]] = {
    "structure": (lambda value: isinstance(value, dict), "an object"),
    "map": (lambda value: isinstance(value, dict), "an object"),
    "list": (lambda value: isinstance(value, list), "an array"),
    "boolean": (lambda value: isinstance(value, bool), "a boolean"),
    **dict.fromkeys(
        ("integer", "long", "float", "double"),
        (lambda value: isinstance(value, int | float) and not isinstance(value, bool), "a number"),
    ),
    **dict.fromkeys(("string", "character", "blob", "timestamp"), (lambda value: isinstance(value, str), "a string")),
}


def check_result(resource: Resource, result: Json, *, required: bool) -> None:
    """Checks the mocked result of a call; `required` says that no required member may be missing.

    Raises ValidationException.
    """
    name = f"{resource.service}:{resource.action}"
    if resource.kind != "service" or resource.pattern == "waitForTaskToken" or name in _UNCHECKED:
        return
    action = resource.action
    if resource.pattern:
        if name not in _POLLED:
            return
        action = _POLLED[name]
    model = _model(resource.service, action)
    if model is None:
        return
    shape, shapes = model
    any_kind = _ANY.get(f"{resource.service}:{resource.event_resource}", frozenset())
    if not isinstance(result, dict):
        raise _fault("The result must be a JSON object")
    _Check(shapes, required).members(result, shapes[shape], any_kind)


class _Check:
    """Checks values against the shapes of one model, and stops at the first that does not fit."""

    def __init__(self, shapes: Mapping[str, Any], required: bool) -> None:
        self._shapes = shapes
        self._required = required

    def members(self, value: Mapping[str, Json], shape: Mapping[str, Any], any_kind: frozenset[str]) -> None:
        if self._required:
            for name in shape.get("required", ()):
                if value.get(_capital(name)) is None:
                    raise _fault(f"Required field '{_capital(name)}' is missing")
        for name, member in shape["members"].items():
            written = _capital(name)
            if written not in any_kind:
                self._value(value.get(written), member, written)

    def _value(self, value: Json, shape_name: str, name: str) -> None:
        """A null is a member that is not there."""
        shape = self._shapes[shape_name]
        if value is None or shape.get("document"):
            return
        fits, kind = _KINDS[shape["type"]]
        if not fits(value):
            raise _fault(f"Field '{name}' must be {kind}")
        if "enum" in shape and value not in shape["enum"]:
            raise _fault(f"Field '{name}' is not an expected value")
        self._size(value, shape, name)
        if isinstance(value, list):
            for item in value:
                self._value(item, shape["member"], name)
        elif isinstance(value, dict) and shape["type"] == "map":
            for key, item in value.items():
                self._value(item, shape["value"], key)
        elif isinstance(value, dict):
            self.members(value, shape, frozenset())

    def _size(self, value: Json, shape: Mapping[str, Any], name: str) -> None:
        least, most = shape.get("min"), shape.get("max")
        if shape["type"] == "blob" or (least is None and most is None):  # a blob is measured before it is encoded
            return
        what = "value" if isinstance(value, int | float) else "length" if isinstance(value, str) else "size"
        measure = value if isinstance(value, int | float) else len(value) if value is not None else 0
        if least is not None and measure < least:
            raise _fault(f"Field '{name}' is less than the minimum {what}")
        if most is not None and measure > most:
            raise _fault(f"Field '{name}' exceeds the maximum {what}")


def _model(service: str, action: str) -> tuple[str, Mapping[str, Any]] | None:
    """The shape of what an action answers, and the shapes that it consists of; None where it answers nothing, or has
    no model. Raises ValidationException where the model is not at hand."""
    if service in _TABLE["services"]:
        model = _TABLE["services"][service]
        shape = {name.lower(): output for name, output in model["operations"].items()}.get(action.lower())
        return None if shape is None else (shape, model["shapes"])
    name = service.removeprefix("aws-sdk:")
    operations, shapes = _botocore_model(_TABLE["names"].get(name, name))
    if action.lower() not in operations:
        if not service.startswith("aws-sdk:"):
            return None  # an action that the integration makes of several calls
        raise _unknown(f"the API '{name}' has no action '{action}'")
    shape = operations[action.lower()]
    return None if shape is None else (shape, shapes)


@lru_cache(maxsize=8)
def _botocore_model(name: str) -> tuple[Mapping[str, str | None], Mapping[str, Any]]:
    """The output shapes of a service by its actions in small letters, and all its shapes."""
    try:
        from botocore.loaders import Loader
    except ModuleNotFoundError:
        raise _unknown(f"checking a result of '{name}' needs botocore, which is not installed") from None
    loader = Loader()
    services = loader.list_available_services("service-2")
    found = next((service for service in services if service.replace("-", "") == name.replace("-", "")), None)
    if found is None:
        raise _unknown(f"there is no API '{name}'")
    model = loader.load_service_model(found, "service-2")
    outputs = {
        action.lower(): operation.get("output", {}).get("shape") for action, operation in model["operations"].items()
    }
    return outputs, {shape: _short(value) for shape, value in model["shapes"].items()}


def _short(shape: Mapping[str, Any]) -> Mapping[str, Any]:
    """A shape of botocore in the form of the table's: members, items and values are named by their shapes."""
    parts = {part: shape[part]["shape"] for part in ("member", "value") if part in shape}
    members = {name: member["shape"] for name, member in shape.get("members", {}).items()}
    return {**shape, "members": members, **parts}


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def _fault(why: str) -> ApiFault:
    return validation(f"Mock result schema validation error: {why}")


def _unknown(why: str) -> ApiFault:
    return validation(
        f"The mock result cannot be validated: {why}. Set the mock's fieldValidationMode to NONE to test without."
    )
