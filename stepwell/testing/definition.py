"""What a test names as the definition to run: a value, a text, a file, a machine of an app.

Rules that must stay true here:
- A definition that is not sound fails the test with everything that is wrong with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from stepwell.app import AppError, AppMachine, Stepwell
from stepwell.assembly import BoundMachine, Place, bind_text, definition_faults
from stepwell.testing.mocks import TestFault

Definition: TypeAlias = Mapping[str, Any] | str | Path
"""A JSON value, JSON text, the path of a file, or the name of a machine of the app."""

PLACE = Place("us-east-1", "123456789012")


@dataclass(frozen=True, slots=True)
class Source:
    """A definition's text, where it is from, and what its machine is called."""

    text: str
    path: Path
    name: str
    machine: AppMachine | None = None


def find_definition(definition: Definition, name: str | None, app: Stepwell | None, folder: Path) -> Source:
    """A relative path is looked for in `folder`, then in the current one. Raises TestFault."""
    if isinstance(definition, Mapping):
        return Source(json.dumps(definition), Path("definition"), name or "Machine")
    if isinstance(definition, str) and definition.lstrip().startswith("{"):
        return Source(definition, Path("definition"), name or "Machine")
    declared = app.machines.get(definition) if app is not None and isinstance(definition, str) else None
    path = declared.path if declared is not None else _existing(Path(definition), folder)
    if declared is None and app is not None:
        declared = next((found for found in app.machines.values() if found.path.resolve() == path.resolve()), None)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        known = f" The app has: {', '.join(app.machines)}." if app is not None and app.machines else ""
        raise TestFault(f"There is no definition at {path}: {fault}.{known}") from fault
    own = declared.name if declared is not None else path.name.split(".")[0]
    return Source(text, path, name or own, declared)


def _existing(path: Path, folder: Path) -> Path:
    return folder / path if (folder / path).exists() else path


def bind(source: Source, app: Stepwell | None, substitutions: Mapping[str, str]) -> BoundMachine:
    """The machine as a server would serve it. Raises TestFault, with all that is wrong."""
    declared = source.machine
    type = declared.type if declared is not None else "STANDARD"
    own = declared.substitutions if declared is not None else {}
    tags = declared.tags if declared is not None else {}
    try:
        text = bind_text(source.text, source.path, app, PLACE, {**own, **substitutions})
    except AppError as fault:
        raise TestFault(str(fault)) from fault
    faults = definition_faults(source.path, text, type)
    if faults:
        raise TestFault("The definition is not valid.\n" + "\n".join(faults))
    return BoundMachine(AppMachine(path=source.path, name=source.name, type="STANDARD", tags=tags), text)
