"""Who is calling.

Rules that must stay true here:
- A role is all that decides what a caller may do; how the caller was recognised decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct

Role: TypeAlias = Literal["full", "read-only"]
How: TypeAlias = Literal["nobody asked", "access key", "token", "jwt"]

SCOPE_KEY: Final = "stepwell.caller"
"""Where an ASGI scope holds the caller."""


class Caller(Struct, frozen=True):
    """Whoever sent a request. `name` is the name of the access key or token in the settings, or a JWT's subject."""

    name: str
    role: Role
    how: How


ANYBODY: Final = Caller("anybody", "full", "nobody asked")
"""Every caller of a server that asks nobody."""

STRANGER: Final = Caller("a stranger", "read-only", "nobody asked")
"""Who comes through a door that is open, on a server that asks elsewhere."""


def caller_of(scope: Mapping[str, Any]) -> Caller:
    """The caller of a request: `ANYBODY` on a server that asks nobody."""
    found = scope.get(SCOPE_KEY)
    return found if isinstance(found, Caller) else ANYBODY
