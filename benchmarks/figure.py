"""One figure of a run, and what it is held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """`target` is a wish, said in words; no test asserts it. `floor` is what it has to be seen beside."""

    workload: str
    what: str
    value: float
    unit: str
    target: str = ""
    floor: str = ""

    def record(self) -> dict[str, Any]:
        """For the JSON file."""
        return asdict(self)


def table(figures: Sequence[Figure]) -> str:
    """A Markdown table."""
    lines = ["| workload | what | figure | target | beside it, in the same run |", "| --- | --- | ---: | --- | --- |"]
    for figure in figures:
        cells = (figure.workload, figure.what, f"{number(figure.value)} {figure.unit}", figure.target, figure.floor)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def number(value: float) -> str:
    """Three digits that count: 12,300, 4.52, 0.318."""
    if value >= 1000:
        return f"{round(value, -2 if value < 100_000 else -3):,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which so many percent of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
