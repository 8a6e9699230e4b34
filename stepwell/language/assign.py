"""Assign: the variables that a state, a catcher or a choice rule sets.

Rules that must stay true here:
- All values of one Assign are evaluated on the variables as they were before it.
- A name is a Unicode identifier of 80 characters at most, and not `states` (AWS, "Passing data with variables").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stepwell.language.model import Expression
from stepwell.language.scope import Scope
from stepwell.language.values import Json

MAX_NAME: Final = 80
MAX_ASSIGN_BYTES: Final = 262_144
"""The most that one variable, and all of one Assign together, may take as JSON text."""
MAX_TOTAL_BYTES: Final = 10 * 1024 * 1024
"""The most that the variables of an execution may take as JSON text."""

NOTHING: Final[Mapping[str, Json]] = {}


def is_variable_name(name: str) -> bool:
    """Whether a variable may have this name."""
    return name.isidentifier() and len(name) <= MAX_NAME and name != "states"


def assigned(assign: Expression | None, scope: Scope) -> Mapping[str, Json]:
    """The new values of the variables; `assign` evaluates to an object. Raises QueryError."""
    if assign is None:
        return NOTHING
    value = assign.evaluate(scope)
    assert isinstance(value, dict)  # the definition was checked
    return value
