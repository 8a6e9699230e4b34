"""One run of one workload by one peer, in a process of its own: `python -m benchmarks.peers.one`.

What the run tells is written to `samples.json` in its folder.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import uvloop

from benchmarks.figure import Sample
from benchmarks.one import SAMPLES
from benchmarks.peers.peer import WORKLOADS
from benchmarks.peers.registry import PEERS
from benchmarks.workloads.workload import Place


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.one", description=__doc__.splitlines()[0])
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args()
    place = Place(options.folder, options.scale)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        samples = runner.run(measured(options.peer, options.workload, place, options.cache))
    (options.folder / SAMPLES).write_text(json.dumps([asdict(sample) for sample in samples]))
    return 0


async def measured(name: str, workload: str, place: Place, cache: Path) -> Sequence[Sample]:
    """What a peer gives; a request to end cancels it, so that its servers end as well."""
    task = asyncio.ensure_future(PEERS[name].measure(workload, place, cache))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


if __name__ == "__main__":
    sys.exit(main())
