"""The coverage of state machines as a table for people.

Rules that must stay true here:
- What was missed is named, state by state: a number alone helps nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from stepwell.deploy.definition_file import definition_json
from stepwell.deploy.faults import TemplateError
from stepwell.language.definition import compile_definition
from stepwell.language.diagnostics import InvalidDefinition
from stepwell.testing.coverage import KINDS, Coverage, MachineCoverage

_TITLES = ("states", "branches", "retriers", "catchers")


def add_definitions(coverage: Coverage, globs: Iterable[str], root: Path) -> None:
    """Count definitions even where no test has run them. One that is not valid is passed over."""
    for glob in globs:
        for path in sorted(root.glob(glob)):
            try:
                text = definition_json(path.read_text("utf-8"), path)
                coverage.add(path.name.split(".")[0], compile_definition(text))
            except (InvalidDefinition, TemplateError):
                continue


def table(coverage: Coverage) -> Iterator[str]:
    """The lines of the table, the least covered machine first."""
    machines = sorted(coverage.machines.values(), key=lambda machine: (_percent(machine), machine.name))
    rows = [
        (machine.name, *(_ratio(*machine.count(kind)) for kind in KINDS), f"{_percent(machine):.0f} %")
        for machine in machines
    ]
    rows.append(("all", *("" for _ in KINDS), f"{coverage.percent():.0f} %"))
    head = ("machine", *_TITLES, "reached")
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    yield _line(head, widths)
    yield "-" * (sum(widths) + 2 * len(widths) - 2)
    for row, found in zip(rows, [*machines, None], strict=True):
        yield _line(row, widths)
        if found is not None:
            yield from (f"  missed {part.kind:<8} {part}" for part in found.missed())
            yield from (f"  not counted: {part.kind} {part} (Express children)" for part in found.uncounted)


def _line(cells: Iterable[str], widths: Iterable[int]) -> str:
    first, *others = (
        cell.rjust(width) if column else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join((first, *others)).rstrip()


def _ratio(reached: int, there: int) -> str:
    return f"{reached}/{there}" if there else "-"


def _percent(machine: MachineCoverage) -> float:
    reached, there = machine.count()
    return 100.0 * reached / there if there else 100.0
