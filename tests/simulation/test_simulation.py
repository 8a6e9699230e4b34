"""The whole engine in a simulated world: nothing that was acknowledged is lost, and everything comes to its end.

A failing seed is told with the command that runs it again, `make soak SEED=...`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.plan import plan_of
from tests.simulation.runs import finding, run

SEEDS = 60
PIECE = 10


@pytest.mark.parametrize("first", range(0, SEEDS, PIECE))
def test_the_log_holds_in_every_world(first: int) -> None:
    """Histories grow, ids are dense, ends stand, answers are in the log, tokens are settled once; and an execution ends
    as it does where nothing goes wrong."""
    found = [str(wrong) for seed in range(first, first + PIECE) if (wrong := finding(seed)) is not None]
    assert not found, "\n".join(found)


def test_a_seed_is_lived_through_in_the_same_way_each_time() -> None:
    """In this process and in others, whatever they hash with."""
    seeds = (3, 11, 25, 42)
    traces = [run(seed, plan_of(seed)).trace for seed in seeds]
    assert len(set(traces)) == len(seeds)
    program = (
        "from tests.simulation.plan import plan_of; from tests.simulation.runs import run\n"
        f"for seed in {seeds}: print(run(seed, plan_of(seed)).trace)"
    )
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        root = Path(__file__).parent.parent.parent
        told = subprocess.run(  # our own program
            [sys.executable, "-c", program], env=environment, cwd=root, capture_output=True, check=True, timeout=120
        )
        assert told.stdout.decode().split() == traces


def test_no_part_of_a_server_is_rare_in_the_worlds() -> None:
    plans = [plan_of(seed) for seed in range(SEEDS)]
    for has in ("jobs", "schedules", "versions", "retention_days"):
        assert sum(bool(getattr(plan, has)) for plan in plans) >= SEEDS / 10, has


def test_the_worlds_are_as_bad_as_they_are_meant_to_be() -> None:
    """Crashes, refused writes, torn ones, both query languages, every kind of machine: none of it is rare."""
    outcomes = [run(seed, plan_of(seed)) for seed in range(24)]
    assert sum(lived.crashes for lived in outcomes) > 24
    assert sum(lived.refused for lived in outcomes) > 5
    assert sum(lived.torn for lived in outcomes) > 5
    ends = {end[0] for lived in outcomes for end in lived.ends.values()}
    assert {"SUCCEEDED", "FAILED"} <= ends
