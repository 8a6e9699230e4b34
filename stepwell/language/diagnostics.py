"""What is wrong, or looks wrong, in a definition.

Rules that must stay true here:
- A diagnostic has the code and, where it is known, the wording of AWS: users and tools match on them.
- A location is written as AWS writes it: a path of member names from the root, `/`, with array indexes in brackets:
  `/States/Choose/Choices[0]/Next`. It is None where the fault belongs to the text as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from msgspec import Struct

Severity: TypeAlias = Literal["ERROR", "WARNING"]

Code: TypeAlias = Literal[
    "INVALID_JSON_DESCRIPTION",
    "MISSING_DESCRIPTION",
    "SCHEMA_VALIDATION_FAILED",
    "MISSING_END_STATE",
    "DUPLICATE_STATE_NAME",
    "INVALID_STATE_NAME",
    "DUPLICATE_LABEL_NAME",
    "INVALID_LABEL_NAME",
    "MISSING_TRANSITION_TARGET",
    "TOO_DEEPLY_NESTED",
    "NO_DOLLAR",
    "NO_PATH",
    "PASS_RESULT_IS_STATIC",
    "NOT_IN_INPUT",
]
"""Those of AWS's codes that the definition alone can bring about (API reference, ValidateStateMachineDefinition); the
last one is that of `lint/`, which AWS has not."""


class Diagnostic(Struct, frozen=True):
    """One finding. A WARNING does not keep a definition from being created."""

    code: Code
    message: str
    location: str | None
    severity: Severity = "ERROR"


class InvalidDefinition(Exception):
    """A definition that cannot be run; `diagnostics` holds every error in it, at least one, in document order."""

    def __init__(self, diagnostics: Iterable[Diagnostic], definition: str = "") -> None:
        self.diagnostics = tuple(diagnostics)
        self._definition = definition
        super().__init__(self.aws_message())

    def aws_message(self) -> str:
        """The message of AWS's InvalidDefinition exception; AWS writes `null` for a location that is not there.

        A label that is not allowed is told in a form of its own (recorded), with the whole definition in it.
        """
        first = self.diagnostics[0]
        if first.code == "INVALID_LABEL_NAME":
            return f"Error=ValueError Args={[first.message]!r} in definition '{self._definition}'."
        faults = ", ".join(f"{d.code}: {d.message} at {d.location or 'null'}" for d in self.diagnostics)
        return f"Invalid State Machine Definition: '{faults}'"
