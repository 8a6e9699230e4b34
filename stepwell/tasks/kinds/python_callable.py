"""A function that is a callable of a Python module, as an app declares it.

Rules that must stay true here:
- The callable is named, never held: the server imports no handler.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stepwell.tasks.kinds.start import WorkerStart


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonCallable:
    """`handler` is `module:attribute` (the attribute may be dotted); `path` are entries that go to the front of the
    process's `sys.path`. Raises ValueError where the handler is not of this form."""

    handler: str
    path: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        module, colon, attribute = self.handler.partition(":")
        if not (module and colon and attribute):
            raise ValueError(f"handler {self.handler!r}: write it as 'module:attribute'")

    @classmethod
    def of(cls, handler: Callable[..., object]) -> PythonCallable:
        """A callable of this process, one defined in the main script included.

        The child imports the callable's module by the same `sys.path`; a main script is imported under its own name, so
        that what stands below `if __name__ == "__main__"` does not run. Raises ValueError where the callable cannot be
        reached by name (a lambda, a nested function).
        """
        qualname = qualified_name(handler)
        if "<" in qualname or inspect.getmodule(handler) is None:
            raise ValueError(f"{qualname} cannot be imported by another process: define it at the top of a module")
        module, path = _importable(handler.__module__)
        return cls(handler=f"{module}:{qualname}", path=path)

    def usual_concurrency(self) -> int:
        """A process a core."""
        return os.cpu_count() or 1

    def start(self) -> WorkerStart:
        return WorkerStart(
            arguments=(sys.executable, "-X", "faulthandler", "-m", "stepwell.tasks.worker"),
            setup={"handler": self.handler, "path": self.path},
        )

    def variables(self, inherited: Mapping[str, str]) -> dict[str, str]:
        return {
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{python_runtime()}",
            "LAMBDA_TASK_ROOT": self.path[0] if self.path else os.getcwd(),  # noqa: PTH109  # as the child sees it
            "_HANDLER": self.handler.replace(":", "."),
        }

    def configuration(self) -> dict[str, str]:
        """The members that GetFunctionConfiguration has for this kind."""
        return {"Runtime": python_runtime(), "Handler": self.handler.replace(":", "."), "PackageType": "Zip"}


def python_runtime() -> str:
    """Lambda's name for the Python that handlers run in: the server's own."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def qualified_name(handler: Callable[..., object]) -> str:
    """The name of a callable inside its module."""
    return str(getattr(handler, "__qualname__", type(handler).__qualname__))


def _importable(module: str) -> tuple[str, tuple[str, ...]]:
    """The name under which another process can import `module`, and the `sys.path` entries that it needs."""
    path = tuple(str(Path(entry).absolute()) for entry in sys.path if not entry.endswith(".zip"))
    if module != "__main__":
        return module, path
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:  # started by `python -m package.module`
        return spec.name, path
    file = getattr(main, "__file__", None)
    if file is None:
        raise ValueError("a handler typed into an interactive session cannot be imported by another process")
    script = Path(file).absolute()
    return script.stem, (str(script.parent), *path)
