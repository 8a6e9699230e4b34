"""One run of one workload, in a process of its own, which is the client that measures: `python -m benchmarks.one`.

What the run tells is written to `samples.json` in its folder.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import uvloop

from benchmarks.figure import Sample
from benchmarks.workloads import WORKLOADS
from benchmarks.workloads.workload import Measure, Place

SAMPLES = "samples.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.one", description=__doc__.splitlines()[0])
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        samples = runner.run(measured(WORKLOADS[options.workload].measure, Place(options.folder, options.scale)))
    (options.folder / SAMPLES).write_text(json.dumps([asdict(sample) for sample in samples]))
    return 0


async def measured(measure: Measure, place: Place) -> Sequence[Sample]:
    return await measure(place)


if __name__ == "__main__":
    sys.exit(main())
