"""Where figures are written: one JSON file and one place on the documentation's page for each kind of report."""

from __future__ import annotations

import datetime
import json
import os
import platform
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import stepwell
from benchmarks.figure import Failure, Figure, table

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "performance.md"
RESULTS = Path(__file__).parent / "results"


def machine() -> str:
    """What the figures were taken on, in a line."""
    return (
        f"Stepwell {stepwell.__version__}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} when it "
        f"began, {datetime.datetime.now(datetime.UTC):%Y-%m-%d}"
    )


@dataclass(frozen=True)
class Report:
    """A report's name is that of its file in `results`, and of its place on the page: between two comments."""

    name: str
    page: Path = PAGE
    results: Path = RESULTS

    def write(self, told: str, found: Sequence[Figure], failures: Sequence[Failure]) -> str:
        """Write figures; the answer says where they are."""
        record = {"machine": told, "figures": [figure.record() for figure in found]}
        record["failures"] = [asdict(failure) for failure in failures]
        return self.publish(record, f"{told}\n\n{table(found, failures)}")

    def publish(self, record: dict[str, Any], text: str) -> str:
        """Write any record to the file, and a text to the page; the answer says where they are."""
        self.results.mkdir(exist_ok=True)
        file = self.results / f"{self.name}.json"
        file.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        begin, end = f"<!-- {self.name}: begin -->", f"<!-- {self.name}: end -->"
        before, rest = self.page.read_text("utf-8").split(begin)
        self.page.write_text(f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}", encoding="utf-8")
        return f"written to {file} and {self.page}"
