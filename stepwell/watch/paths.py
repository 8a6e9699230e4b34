"""What a running app is made of, as files and folders.

Rules that must stay true here:
- A function is stale when a file is changed that its warm processes may have read: code, never data.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from stepwell.app import Stepwell
from stepwell.tasks.function import Function
from stepwell.tasks.kinds.node_code import NodeCode
from stepwell.tasks.kinds.python_callable import PythonCallable
from stepwell.tasks.kinds.python_code import PythonCode


def watched(app: Stepwell, functions: Iterable[Function], modules: Iterable[Path]) -> Iterator[Path]:
    """All that is looked at. `modules` are the folders of the app's own modules."""
    yield from app.files
    for machine in app.machines.values():
        yield machine.path
    for folder in modules:
        yield from folder.glob("*.py")
    for function in functions:
        yield from _folders(function)


def stale(functions: Iterable[Function], changed: Collection[Path], modules: Collection[Path]) -> frozenset[str]:
    """The names of the functions whose code has changed."""
    imported = any(path.suffix == ".py" and path.parent in modules for path in changed)
    return frozenset(
        function.name
        for function in functions
        if (imported and isinstance(function.code, PythonCallable))
        or any(path.is_relative_to(folder) for folder in _folders(function) for path in changed)
    )


def _folders(function: Function) -> tuple[Path, ...]:
    match function.code:
        case PythonCode(code=code, layers=layers) | NodeCode(code=code, layers=layers):
            return (Path(code), *map(Path, layers))
        case _:
            return ()
