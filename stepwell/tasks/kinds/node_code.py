"""A function that is a folder of Node.js code with a handler in it, as AWS Lambda runs it.

Rules that must stay true here:
- The code's folder is the current folder; packages are found there, then in the layers.
- `node` is the one on the PATH, whatever version the function was made for.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from stepwell.tasks.kinds import layers
from stepwell.tasks.kinds.start import WorkerStart

PROGRAM = "node"
_WORKER = Path(__file__).parents[1] / "worker.mjs"


@dataclass(frozen=True, slots=True)
class NodeCode:
    """`handler` is `file.function`, as Lambda writes it, with slashes for folders (`src/index.handler`). `code` is the
    folder; `layers` are folders laid out as layers are (`nodejs/node_modules` below them). `runtime` is Lambda's name
    for the version that the function was made for, told to clients.
    Raises ValueError where the handler is not of this form."""

    handler: str
    code: str | Path = "."
    layers: tuple[str | Path, ...] = ()
    runtime: str = "nodejs22.x"

    def __post_init__(self) -> None:
        file, _, function = self.handler.rpartition("/")[2].partition(".")
        if not (file and function):
            raise ValueError(f"handler {self.handler!r}: write it as 'file.function', as AWS Lambda does")

    def below(self, folder: Path) -> NodeCode:
        """The same with its relative folders below `folder`."""
        return replace(self, code=folder / self.code, layers=tuple(folder / layer for layer in self.layers))

    def usual_concurrency(self) -> int:
        """A process a core."""
        return os.cpu_count() or 1

    def start(self) -> WorkerStart:
        return WorkerStart(
            arguments=(PROGRAM, str(_WORKER)),
            folder=Path(self.code).absolute(),
            setup={"handler": self.handler},
        )

    def variables(self, inherited: Mapping[str, str]) -> dict[str, str]:
        found = tuple(Path(layer).absolute() for layer in self.layers)
        version = self.runtime.removeprefix("nodejs").removesuffix(".x")
        packages = layers.folders(found, f"nodejs/node{version}/node_modules", "nodejs/node_modules", "node_modules")
        return {
            **layers.variables(found, inherited),
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{self.runtime}",
            "LAMBDA_TASK_ROOT": str(Path(self.code).absolute()),
            "NODE_PATH": layers.joined(packages, inherited.get("NODE_PATH")),
            "_HANDLER": self.handler,
        }

    def configuration(self) -> dict[str, str]:
        """The members that GetFunctionConfiguration has for this kind."""
        return {"Runtime": self.runtime, "Handler": self.handler, "PackageType": "Zip"}
