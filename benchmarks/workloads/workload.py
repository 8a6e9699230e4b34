"""What a workload is, and where a run of it takes place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from benchmarks.figure import Sample

CONNECTIONS = 64


@dataclass(frozen=True)
class Place:
    """Where a run takes place: a folder of its own, and how large it is. A run at a small scale shows that a workload
    works; its figures mean nothing."""

    folder: Path
    scale: float = 1.0

    def count(self, full: int, least: int = 1) -> int:
        """So many at full scale."""
        return max(least, round(full * self.scale))

    def own(self, name: str) -> Path:
        """A folder in the folder, for a server of its own."""
        folder = self.folder / name
        folder.mkdir()
        return folder


Measure: TypeAlias = Callable[[Place], Awaitable[Sequence[Sample]]]


@dataclass(frozen=True)
class Workload:
    """`seconds` is how long a run may take before it is ended and told as failed; `rounds` how often it is run."""

    measure: Measure
    seconds: float = 90
    rounds: int = 5
