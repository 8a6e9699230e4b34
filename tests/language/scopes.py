"""Scopes for the tests of this room."""

from __future__ import annotations

from stepwell.language.scope import Scope
from stepwell.language.values import Json


class FixedRandomness:
    """Random values that are known in advance."""

    def uuid4(self) -> str:
        return "4c6f1a04-9f57-4d3b-8f5a-0d3c6a7f1b2c"

    def uniform(self) -> float:
        return 0.5


def scope(input: Json, context: Json = None, **variables: Json) -> Scope:
    return Scope(input, lambda: context, FixedRandomness(), variables)
