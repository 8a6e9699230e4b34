"""What has been reached may not be lost: the cases that pass, kept in a file beside this one.

Rules that must stay true here:
- The bar rises only when somebody asks for it (`make conformance RATCHET=write`), and is lowered by hand only, in the
  open.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

FILE = Path(__file__).with_name("ratchet.json")
LEVELS = ("failed", "outcome", "history")  # each holds the ones before it


def levels(results: list[dict[str, object]]) -> dict[str, str]:
    """What each graded case has reached, by case id, from the results that the runner writes."""
    return {
        str(result["id"]): "history" if result["history"] else "outcome" if result["outcome"] else "failed"
        for result in results
        if "skipped" not in result
    }


def read() -> dict[str, str]:
    """The level that every case must reach, by case id."""
    kept: dict[str, list[str]] = json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}
    return {case: level for level, cases in kept.items() for case in cases}


def write(reached: Mapping[str, str]) -> None:
    """Ask for what has been reached now."""
    kept = {level: sorted(case for case, at in reached.items() if at == level) for level in LEVELS[:0:-1]}
    FILE.write_text(json.dumps(kept, indent=1, ensure_ascii=True) + "\n", encoding="utf-8")


def fallen(asked: Mapping[str, str], reached: Mapping[str, str]) -> dict[str, str]:
    """The cases that reach less than they must, with what they must reach; those that were not graded are no fall."""
    return {
        case: level
        for case, level in asked.items()
        if case in reached and LEVELS.index(reached[case]) < LEVELS.index(level)
    }
