"""`make bench`: runs the workloads, prints a table, and writes it to the documentation and, as JSON, to a file.

The files are written by a whole run at full scale only.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.figure import Failure, Figure, table
from benchmarks.report import Report, machine
from benchmarks.runs import rounds
from benchmarks.workloads import LARGE, USUAL, WORKLOADS


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"of {', '.join(WORKLOADS)}; all without")
    parser.add_argument("--large", action="store_true", help="without names: those that take long, once each")
    parser.add_argument("--rounds", type=int, help="how often each is run, in place of what it says itself")
    parser.add_argument("--scale", type=float, default=1.0, help="how large: 0.01 shows that they work, and no more")
    parser.add_argument("--folder", type=Path, help="where the stores lie while it runs: choose the disk to measure")
    options = parser.parse_args()
    if unknown := set(options.workloads) - set(WORKLOADS):
        parser.error(f"there is no workload {', '.join(sorted(unknown))}; there are {', '.join(WORKLOADS)}")

    told = machine()
    found: list[Figure] = []
    failures: list[Failure] = []
    group = LARGE if options.large else USUAL
    for name in options.workloads or group:
        workload = WORKLOADS[name]
        done, failed = rounds(name, workload, options.rounds or workload.rounds, options.scale, options.folder, tell)
        found += done
        failures += failed
    print(f"{told}\n\n{table(found, failures)}")
    if not options.workloads and not options.rounds and options.scale == 1:
        tell(Report("large" if options.large else "bench").write(told, found, failures))
    return 1 if failures else 0


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
