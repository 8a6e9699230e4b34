"""`make bench-peers`: sets the peers up, runs the workloads by each of them and by Stepwell, side by side, and prints
and writes the table.

The files are written by a whole run at full scale only.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.peers.peer import BOX, Unavailable
from benchmarks.peers.peer import WORKLOADS as ALL
from benchmarks.peers.registry import PEERS
from benchmarks.peers.table import Cell, table
from benchmarks.report import Report, machine
from benchmarks.runs import RunFailed, one_run

PATIENCE = 5 * BOX  # seconds that a run may take, its servers' starts with it
CACHE = Path(sys.prefix) / "peers"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-peers", description=__doc__.split("\n\n")[0])
    parser.add_argument("peers", nargs="*", metavar="PEER", help=f"of {', '.join(PEERS)}; all without")
    parser.add_argument("--workloads", nargs="+", choices=ALL, default=ALL)
    parser.add_argument("--scale", type=float, default=1.0, help="how large: 0.01 shows that they work, and no more")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where the peers' environments are kept")
    parser.add_argument("--folder", type=Path, help="where the stores lie while it runs: choose the disk to measure")
    options = parser.parse_args()
    if unknown := set(options.peers) - set(PEERS):
        parser.error(f"there is no peer {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")

    told, cache = machine(), options.cache.absolute()
    names = [name for name in PEERS if not options.peers or name in options.peers or name == "Stepwell"]
    cells: dict[tuple[str, str], Cell] = {}
    versions = {name: installed(name, cache) for name in names}
    for workload in options.workloads:
        for name in names:
            if isinstance(versions[name], str):
                tell(f"{workload}: {name}")
                cells[name, workload] = measured(name, workload, options.scale, cache, options.folder)
    text = table(versions, PEERS, options.workloads, cells)
    print(f"{told}\n\n{text}")
    if not options.peers and options.scale == 1 and options.workloads == ALL:
        record = {"machine": told, "versions": {name: str(version) for name, version in versions.items()}}
        figures = [cell.record(name, workload) for (name, workload), cell in cells.items()]
        tell(Report("peers").publish({**record, "figures": figures}, f"{told}\n\n{text}"))
    stepwell_failed = any(cell.problem for (name, _), cell in cells.items() if name == "Stepwell")
    return 1 if stepwell_failed else 0


def installed(name: str, cache: Path) -> str | Unavailable:
    """The version of a peer, made ready; or why it cannot be."""
    tell(f"setting up {name}")
    cache.mkdir(parents=True, exist_ok=True)
    try:
        return PEERS[name].install(cache)
    except Unavailable as reason:
        return reason


def measured(name: str, workload: str, scale: float, cache: Path, parent: Path | None) -> Cell:
    """What a peer gives in a workload, or why it gives nothing."""
    with tempfile.TemporaryDirectory(prefix="stepwell-bench-", dir=parent, ignore_cleanup_errors=True) as folder:
        words = ["benchmarks.peers.one", name, workload, folder, "--cache", str(cache), "--scale", str(scale)]
        try:
            return Cell(one_run(words, PATIENCE, Path(folder)))
        except RunFailed as failed:
            tell(f"{workload}: {name} failed: {failed}")
            return Cell((), str(failed))


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
