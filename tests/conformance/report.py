"""The figures of a run: a table by category, and the shares in scope.

Rules that must stay true here:
- Skipped cases (they need a service that is not there) count nowhere; every other case counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def counts(levels: Iterable[str]) -> tuple[int, int, int]:
    """How many cases pass in outcome, how many in history too, and how many there are."""
    seen = list(levels)
    return sum(level != "failed" for level in seen), seen.count("history"), len(seen)


def shares(title: str, levels: Iterable[str]) -> str:
    """One line: `in scope: outcome 260/274 (94.9 %), history …`."""
    outcome, history, graded = counts(levels)
    if not graded:
        return f"{title}: no case"
    return (
        f"{title}: outcome {outcome}/{graded} ({outcome / graded:.1%}), "
        f"history {history}/{graded} ({history / graded:.1%})"
    )


def table(reached: Mapping[str, str], left_out: Mapping[str, Sequence[str]], category: Mapping[str, str]) -> str:
    """A Markdown table: the cases in scope by category, then those left out by the first thing that they use."""
    rows: dict[str, list[str]] = {}
    outside: dict[str, list[str]] = {}
    for case, level in reached.items():
        uses = left_out[case]
        (outside.setdefault(uses[0], []) if uses else rows.setdefault(category[case], [])).append(level)
    lines = ["| category | outcome | history | cases |", "| --- | ---: | ---: | ---: |"]
    for name, levels in sorted(rows.items()):
        lines.append(_row(name, levels))
    lines.append(_row("**in scope**", [level for levels in rows.values() for level in levels]))
    for name, levels in sorted(outside.items()):
        lines.append(_row(f"beyond it: {name}", levels))
    lines.append(_row("**all**", reached.values()))
    return "\n".join(lines)


def _row(name: str, levels: Iterable[str]) -> str:
    outcome, history, graded = counts(levels)
    return f"| {name} | {outcome} | {history} | {graded} |"


def write_page(text: str) -> None:
    """Put the figures into the page of the documentation, between its marks."""
    page = PAGE.read_text("utf-8")
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
