"""`make bench`: runs the workloads, prints a table, and writes it to the documentation and, as JSON, to a file.

The files of the documentation are written by a whole run only.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import json
import os
import platform
import sqlite3
import sys
import tempfile
from pathlib import Path

import uvloop

import stepwell
from apps.processes import free_port
from benchmarks import floors
from benchmarks.figure import Figure, table
from benchmarks.workloads import WORKLOADS

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results" / "latest.json"
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"of {', '.join(WORKLOADS)}; all without")
    parser.add_argument("--folder", type=Path, help="where the stores lie while it runs: choose the disk to measure")
    options = parser.parse_args()
    if unknown := set(options.workloads) - set(WORKLOADS):
        parser.error(f"there is no workload {', '.join(sorted(unknown))}; there are {', '.join(WORKLOADS)}")

    load = os.getloadavg()[0]
    figures = uvloop.run(measure(options.workloads or list(WORKLOADS), options.folder))
    machine = (
        f"Stepwell {stepwell.__version__}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, load {load:.1f} when it began, "
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"
    )
    print(f"{machine}\n\n{table(figures)}")
    if not options.workloads:
        RESULTS.parent.mkdir(exist_ok=True)
        record = {"machine": machine, "figures": [figure.record() for figure in figures]}
        RESULTS.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        before, rest = PAGE.read_text("utf-8").split(BEGIN)
        text = f"{machine}\n\n{table(figures)}"
        PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}", encoding="utf-8")
        print(f"\nwritten to {RESULTS.relative_to(ROOT)} and {PAGE.relative_to(ROOT)}")
    return 0


async def measure(names: list[str], parent: Path | None) -> list[Figure]:
    """The floors, then the figures of the workloads."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="stepwell-bench-", dir=parent) as folder:
        print("floors …", file=sys.stderr, flush=True)
        figures += await floors.measure(Path(folder), free_port())
        for name in names:
            print(f"{name} …", file=sys.stderr, flush=True)
            own = Path(folder) / name
            own.mkdir()
            figures += await WORKLOADS[name](own)
            await asyncio.sleep(0.5)
    return figures


if __name__ == "__main__":
    sys.exit(main())
