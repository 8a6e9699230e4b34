"""The modules of an app, imported anew: all of them, or none.

Rules that must stay true here:
- Only what the user writes is imported anew: neither installed packages nor Stepwell.
- Where anything about the new modules is wrong, the old ones are back as if nothing had been tried.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import sysconfig
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")

_STEPWELL = Path(__file__).parents[1]
_INSTALLED = tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib"))


def own_modules() -> dict[str, ModuleType]:
    """The modules of this process that are the user's own, by name."""
    return {name: module for name, module in list(sys.modules.items()) if name != "__main__" and _is_own(module)}


def folders() -> frozenset[Path]:
    """Where the user's own modules are."""
    return frozenset(file.parent for module in own_modules().values() if (file := _file(module)))


def anew(work: Callable[[], T], changed: Iterable[Path] = ()) -> T:
    """What `work` gives with the user's modules imported anew by it. `changed` are files whose compiled form may be
    that of their last state, which has the same second and size.

    Raises what `work` raises; the modules are then those that they were.
    """
    for path in changed:
        if path.suffix == ".py":
            with suppress(OSError, NotImplementedError):
                Path(importlib.util.cache_from_source(str(path))).unlink()
    kept = own_modules()
    for name in kept:
        del sys.modules[name]
    importlib.invalidate_caches()
    try:
        return work()
    except BaseException:
        for name in own_modules():
            del sys.modules[name]
        sys.modules.update(kept)
        raise


def _file(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file) if isinstance(file, str) and file.endswith(".py") else None


def _is_own(module: ModuleType) -> bool:
    file = _file(module)
    if file is None:
        # A package without an `__init__.py` holds its modules: it is the user's where they may be.
        return bool(getattr(module, "__path__", None)) and all(_is_own_path(Path(path)) for path in module.__path__)
    return _is_own_path(file)


def _is_own_path(path: Path) -> bool:
    if {"site-packages", "dist-packages"} & set(path.parts):
        return False
    return not any(path.is_relative_to(place) for place in (_STEPWELL, *_INSTALLED))
