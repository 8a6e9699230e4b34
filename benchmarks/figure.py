"""What one run tells, what several runs of it come to, and the tables that show it.

Rules that must stay true here:
- A figure is the median of its runs; the smallest and the largest are always told with it.
- A bar is a wish for a machine of two cores that has nothing else to do. No test asserts one.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Bar:
    """What a figure should reach, and what would be better still; `more` says that larger is better."""

    value: float
    beyond: float | None = None
    more: bool = True

    def verdict(self, value: float) -> str:
        """Where a figure lies: "beyond", "met", or "missed" by how much."""
        if self.beyond is not None and self._reaches(value, self.beyond):
            return "beyond"
        if self._reaches(value, self.value):
            return "met"
        return f"missed: {number(value / self.value)} of it"

    def _reaches(self, value: float, wished: float) -> bool:
        return value >= wished if self.more else value <= wished


def at_least(value: float, beyond: float | None = None) -> Bar:
    return Bar(value, beyond)


def at_most(value: float, beyond: float | None = None) -> Bar:
    return Bar(value, beyond, more=False)


@dataclass(frozen=True)
class Sample:
    """One value of one run. `beside` is what it has to be seen beside; `curve` holds what it was taken from over time,
    as (second, value)."""

    what: str
    value: float
    unit: str
    bar: Bar | None = None
    beside: str = ""
    curve: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True)
class Figure:
    """The same value of several runs."""

    workload: str
    what: str
    unit: str
    runs: Sequence[float]
    bar: Bar | None = None
    beside: str = ""
    curve: Sequence[tuple[float, float]] = ()

    @property
    def median(self) -> float:
        return statistics.median(self.runs)

    def record(self) -> dict[str, Any]:
        """For the JSON file."""
        found = {"workload": self.workload, "what": self.what, "unit": self.unit, "median": self.median}
        found |= {"min": min(self.runs), "max": max(self.runs), "runs": list(self.runs)}
        if self.bar is not None:
            found |= {"bar": asdict(self.bar), "verdict": self.bar.verdict(self.median)}
        return (
            found | {"beside": self.beside} | ({"curve": [list(point) for point in self.curve]} if self.curve else {})
        )


@dataclass(frozen=True)
class Failure:
    """A run that gave no figures, and why."""

    workload: str
    reason: str


def figures(workload: str, runs: Sequence[Sequence[Sample]]) -> list[Figure]:
    """What runs of one workload come to, in the order of the first."""
    values: dict[str, list[Sample]] = {}
    for run in runs:
        for sample in run:
            values.setdefault(sample.what, []).append(sample)
    return [
        Figure(
            workload,
            what,
            samples[-1].unit,
            tuple(sample.value for sample in samples),
            samples[-1].bar,
            samples[-1].beside,
            samples[-1].curve,
        )
        for what, samples in values.items()
    ]


HEAD = ("workload", "what", "median", "min to max", "bar", "beyond", "", "beside it")


def table(found: Sequence[Figure], failures: Sequence[Failure] = ()) -> str:
    """A Markdown table: the figures, then what failed."""
    rows: list[Sequence[str]] = []
    for figure in found:
        bar = figure.bar
        unit = figure.unit if figure.unit.startswith("/") or not figure.unit else f" {figure.unit}"
        rows.append(
            (
                figure.workload,
                figure.what,
                f"{number(figure.median)}{unit}",
                "" if len(figure.runs) == 1 else f"{number(min(figure.runs))} to {number(max(figure.runs))}",
                "" if bar is None else number(bar.value),
                "" if bar is None or bar.beyond is None else number(bar.beyond),
                "" if bar is None else bar.verdict(figure.median),
                figure.beside,
            )
        )
    rows += [(failure.workload, f"failed: {failure.reason}", *[""] * 6) for failure in failures]
    return markdown(HEAD, rows, right=(2, 3, 4, 5))


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A table; `right` are the columns whose cells stand at the right."""
    lines = [f"| {' | '.join(head)} |"]
    lines.append(f"| {' | '.join('---:' if column in right else '---' for column in range(len(head)))} |")
    lines += [f"| {' | '.join(cell.replace('|', '/').replace(chr(10), ' ') for cell in row)} |" for row in rows]
    return "\n".join(lines)


def number(value: float) -> str:
    """Three digits that count: 12,300, 4.52, 0.318."""
    if not math.isfinite(value):
        return "none"
    if abs(value) >= 1000:
        return f"{round(value, -2 if abs(value) < 100_000 else -3):,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of the values do not exceed. Raises ValueError for no values."""
    if not values:
        raise ValueError("there is no percentile of nothing")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def from_record(record: Mapping[str, Any]) -> Figure:
    """A figure as `Figure.record` wrote it."""
    bar = Bar(**record["bar"]) if "bar" in record else None
    curve = [(second, value) for second, value in record.get("curve", ())]
    return Figure(record["workload"], record["what"], record["unit"], record["runs"], bar, record["beside"], curve)
