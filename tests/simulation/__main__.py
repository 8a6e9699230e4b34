"""`python -m tests.simulation`: seeds for as long as one likes, on all cores; or one seed, told in full."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait

from tests.simulation.plan import plan_of
from tests.simulation.runs import Finding, finding

_PIECE = 5  # seeds
_MANY = 10  # findings: then it is enough


def _piece(first: int) -> list[Finding]:
    return [found for seed in range(first, first + _PIECE) if (found := finding(seed)) is not None]


def soak(minutes: float, first: int, jobs: int) -> list[Finding]:
    """Live through one seed after the other. What was found."""
    began, found, count, next_seed = time.monotonic(), list[Finding](), 0, first
    end = began + minutes * 60
    with ProcessPoolExecutor(jobs) as pool:
        running: set[Future[list[Finding]]] = set()
        told = began
        while (time.monotonic() < end and len(found) < _MANY) or running:
            while len(running) < jobs * 2 and time.monotonic() < end and len(found) < _MANY:
                running.add(pool.submit(_piece, next_seed))
                next_seed += _PIECE
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                count += _PIECE
                for finding_ in future.result():
                    found.append(finding_)
                    print(finding_, flush=True)
            if time.monotonic() - told > 10:
                told = time.monotonic()
                print(f"{count} seeds from {first}, {count / (told - began):.1f} a second", file=sys.stderr, flush=True)
    print(f"{count} seeds from {first} on in {time.monotonic() - began:.0f} s, {len(found)} of them broken")
    return found


def replay(seed: int) -> int:
    """Live through one seed, and tell what was run."""
    plan = plan_of(seed)
    for machine in plan.machines:
        print(f"{machine.name} ({machine.type}): {json.dumps(json.loads(machine.definition), indent=2)}")
    for start in plan.starts:
        print(f"{start.name} of {start.machine}{' on a virtual clock' if start.virtual else ''}: {start.later}")
    for part in (plan.jobs, plan.schedules, plan.versions):
        if part is not None:
            print(part)
    found = finding(seed)
    print("nothing is wrong" if found is None else found)
    return 0 if found is None else 1


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, help="live through this seed alone")
    parser.add_argument("--first", type=int, help="the first seed (default: drawn)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(words)
    if options.seed is not None:
        return replay(options.seed)
    first = secrets.randbelow(1 << 40) if options.first is None else options.first
    return 1 if soak(options.minutes, first, options.jobs) else 0


if __name__ == "__main__":
    sys.exit(main())
