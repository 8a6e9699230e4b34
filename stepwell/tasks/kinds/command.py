"""A function that is a command: JSON on standard input, JSON on standard output, the log on standard error.

Rules that must stay true here:
- Each call is a process of its own, without a shell: arguments are handed on as they are.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Command:
    """`arguments` are the program and its arguments; `folder` is where it runs.
    Raises ValueError where there is no program."""

    arguments: Sequence[str]
    folder: str | Path = "."

    def __post_init__(self) -> None:
        if isinstance(self.arguments, str) or not (self.arguments and self.arguments[0]):
            raise ValueError(f"command {self.arguments!r}: write it as a list: the program, then its arguments")

    def below(self, folder: Path) -> Command:
        """The same with its relative folder below `folder`."""
        return replace(self, folder=folder / self.folder)

    def usual_concurrency(self) -> int:
        """A process a core."""
        return os.cpu_count() or 1

    def variables(self, inherited: Mapping[str, str]) -> dict[str, str]:
        return {"AWS_EXECUTION_ENV": "AWS_Lambda_provided", "LAMBDA_TASK_ROOT": str(Path(self.folder).absolute())}

    def configuration(self) -> dict[str, str]:
        """The members that GetFunctionConfiguration has for this kind."""
        return {"PackageType": "Image"}
