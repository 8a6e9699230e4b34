"""Reads every template below a folder, as `stepwell serve` does, and prints which it would serve.

    python tools/templates.py FOLDER [--fill]

`--fill` gives parameters without a default the value `made-up`, as a user would give one. A template is accepted where
it is read without a fault and all its definitions are valid. The functions that run here are those in Python or Node.js
whose code is there.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stepwell.app import AppError
from stepwell.assembly import Place, bind_machines
from stepwell.deploy.description import Elsewhere, Template
from stepwell.deploy.document import read_document, read_text
from stepwell.deploy.faults import TemplateError
from stepwell.deploy.template_app import TemplateApp, load_template
from stepwell.settings import Settings

_NAMES = ("template.yaml", "template.yml", "*.template.json", "template.json")


@dataclass(frozen=True)
class Found:
    """What came of a template: the app, or the faults."""

    path: Path
    app: TemplateApp | None
    faults: tuple[str, ...]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fill", action="store_true", help="give parameters without a default a made-up value")
    options = parser.parse_args()
    found = [_read(path, fill=options.fill) for path in _templates(options.folder)]
    print("| template | functions that run | state machines | schedules | routes | not run |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for item in found:
        print(f"| {item.path.parent.relative_to(options.folder)} | {_row(item)} |")
    accepted = sum(item.app is not None for item in found)
    print(f"\n{accepted} of {len(found)} accepted ({100 * accepted / max(1, len(found)):.0f} %)")
    types = Counter(not_run.type for item in found if item.app for not_run in item.app.template.not_run)
    print("not run: " + ", ".join(f"{type} {count}" for type, count in types.most_common()))
    for item in found:
        for fault in item.faults:
            print(f"- {fault.replace(f'{options.folder}/', '')}")
    return 0


def _templates(folder: Path) -> Iterator[Path]:
    yield from sorted({path for name in _NAMES for path in folder.rglob(name)})


def _read(path: Path, *, fill: bool) -> Found:
    settings = Settings(parameters=_made_up(path) if fill else ())
    try:
        app = load_template(path, settings)
        bind_machines(app, Place(settings.region, settings.account))
    except AppError as error:
        return Found(path, None, tuple(str(error).splitlines()))
    return Found(path, app, ())


def _made_up(path: Path) -> tuple[str, ...]:
    """A value for each parameter that has none."""
    try:
        document = read_document(read_text(path), str(path))
    except TemplateError:
        return ()
    declared = document.get("Parameters") if isinstance(document, dict) else None
    return tuple(
        f"{name}={1 if declaration.get('Type') == 'Number' else 'made-up'}"
        for name, declaration in (declared.items() if isinstance(declared, dict) else ())
        if isinstance(declaration, dict) and declaration.get("Default") is None
    )


def _row(found: Found) -> str:
    if found.app is None:
        return "refused | | | |"
    template = found.app.template
    counts = (len(template.machines), len(template.schedules), len(template.routes), len(template.not_run))
    return " | ".join([_functions(template), *map(str, counts)])


def _functions(template: Template) -> str:
    runs = [not isinstance(function.code, Elsewhere) for function in template.functions]
    return f"{sum(runs)} of {len(runs)}" if runs else "none"


if __name__ == "__main__":
    sys.exit(main())
