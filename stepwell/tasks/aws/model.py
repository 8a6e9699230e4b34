"""A service's API model, in the form of `service-2.json`: its operations, shapes and errors.

Rules that must stay true here:
- The model is read as AWS publishes it; nothing here knows a service by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from msgspec import Struct

Shape: TypeAlias = Mapping[str, Any]
"""A shape as the model writes it: `type`, `members`, `required`, `member`, `key`, `value`, `streaming`, …"""


class Operation(Struct, frozen=True):
    """An operation. `input` and `output` are None where it takes, or answers, nothing; `errors` are names of shapes."""

    model: ServiceModel
    name: str
    input: Shape | None
    output: Shape | None
    errors: tuple[str, ...]

    def error_shape(self, code: str) -> str | None:
        """The shape of the error that has a code; None for one that the model does not know.

        An answer to HEAD has no body: its code is the status, which means the operation's only error.
        """
        if code == "404" and len(self.errors) == 1:
            return self.errors[0]
        return self.model.error_shapes.get(code)


class ServiceModel:
    """`service_id` is the name that all others derive from (`DynamoDB`)."""

    def __init__(self, model: Mapping[str, Any]) -> None:
        self.service_id: str = model["metadata"]["serviceId"]
        self.shapes: Mapping[str, Shape] = model["shapes"]
        self.error_shapes: Mapping[str, str] = {
            code: name
            for name, shape in self.shapes.items()
            if shape.get("exception")
            for code in (name, shape.get("error", {}).get("code", name))
        }
        self._operations: Mapping[str, Any] = {name.lower(): found for name, found in model["operations"].items()}

    def operation(self, action: str) -> Operation | None:
        """The operation of an action (`putItem`); None where there is none."""
        found = self._operations.get(action.lower())
        if found is None:
            return None
        return Operation(
            self,
            found["name"],
            self._shape(found.get("input")),
            self._shape(found.get("output")),
            tuple(error["shape"] for error in found.get("errors", ())),
        )

    def _shape(self, reference: Mapping[str, Any] | None) -> Shape | None:
        return None if reference is None else self.shapes[reference["shape"]]
