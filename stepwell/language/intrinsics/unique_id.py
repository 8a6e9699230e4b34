"""States.UUID.

Rules that must stay true here:
- The identifier comes from the turn's randomness, so that a replay gives the same one.
"""

from __future__ import annotations

from stepwell.language.scope import Randomness
from stepwell.language.values import Json


def uuid(arguments: list[Json], randomness: Randomness) -> Json:
    """`States.UUID()`: version 4."""
    return randomness.uuid4()
