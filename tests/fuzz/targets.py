"""All that is fuzzed by bytes."""

from __future__ import annotations

from typing import Final

from tests.fuzz import doors, files, language, strangers
from tests.fuzz.target import Target

TARGETS: Final[tuple[Target, ...]] = (*language.TARGETS, *files.TARGETS, *strangers.TARGETS, *doors.TARGETS)
