"""A function that is a folder of Python code with a handler in it, as AWS Lambda runs it.

Rules that must stay true here:
- The code's folder comes first on `sys.path` and is the current folder; layers come behind it.
- Each function has processes of its own: two folders with modules of one name never meet.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from stepwell.tasks.kinds import layers
from stepwell.tasks.kinds.python_callable import python_runtime
from stepwell.tasks.kinds.start import WorkerStart


@dataclass(frozen=True, slots=True)
class PythonCode:
    """`handler` is `module.function`, as Lambda writes it, with slashes for folders (`src/app.handler`). `code` is the
    folder; `layers` are folders laid out as layers are (`python/` below them, or modules right in them).
    Raises ValueError where the handler is not of this form."""

    handler: str
    code: str | Path = "."
    layers: tuple[str | Path, ...] = ()

    def __post_init__(self) -> None:
        module, _, function = self.handler.rpartition(".")
        if not (module and function) or ":" in self.handler:
            raise ValueError(f"handler {self.handler!r}: write it as 'module.function', as AWS Lambda does")

    def below(self, folder: Path) -> PythonCode:
        """The same with its relative folders below `folder`."""
        return replace(self, code=folder / self.code, layers=tuple(folder / layer for layer in self.layers))

    def usual_concurrency(self) -> int:
        """A process a core."""
        return os.cpu_count() or 1

    def start(self) -> WorkerStart:
        module, _, function = self.handler.rpartition(".")
        folder = Path(self.code).absolute()
        site = f"python/lib/{python_runtime()}/site-packages"
        path = (folder, *layers.folders(self._layers(), site, "python", ""))
        return WorkerStart(
            # -P: the code's folder hides no module of the worker's while that starts.
            arguments=(sys.executable, "-P", "-X", "faulthandler", "-m", "stepwell.tasks.worker"),
            folder=folder,
            setup={"handler": f"{module}:{function}", "path": tuple(map(str, path))},
        )

    def variables(self, inherited: Mapping[str, str]) -> dict[str, str]:
        return {
            **layers.variables(self._layers(), inherited),
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{python_runtime()}",
            "LAMBDA_TASK_ROOT": str(Path(self.code).absolute()),
            "_HANDLER": self.handler,
        }

    def configuration(self) -> dict[str, str]:
        """The members that GetFunctionConfiguration has for this kind."""
        return {"Runtime": python_runtime(), "Handler": self.handler, "PackageType": "Zip"}

    def _layers(self) -> tuple[Path, ...]:
        return tuple(Path(layer).absolute() for layer in self.layers)
