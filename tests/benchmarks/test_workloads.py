"""Each workload runs to its end at a tiny size, so that none is found broken when a figure is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.client import Failed, flood
from benchmarks.runs import rounds
from benchmarks.workloads import USUAL, WORKLOADS
from benchmarks.workloads.workload import Workload
from tests.server import serving

ABSENT = b'{"stateMachineArn": "arn:aws:states:us-east-1:123456789012:stateMachine:Absent"}'


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_gives_its_figures(name: str, tmp_path: Path) -> None:
    found, failures = rounds(name, WORKLOADS[name], 1, 0.002, tmp_path, lambda line: None)
    assert failures == []
    assert found
    assert all(figure.workload == name for figure in found)
    assert list(tmp_path.iterdir()) == [], "what a run stores goes with it"


def test_a_run_that_takes_too_long_is_told_and_ended(tmp_path: Path) -> None:
    found, failures = rounds("chain", Workload(USUAL["chain"].measure, 0.01), 2, 0.01, tmp_path, lambda line: None)
    assert found == []
    assert [failure.reason for failure in failures] == [
        "run 1 of 2: it has not ended after 0.01 s",
        "run 2 of 2: it has not ended after 0.01 s",
    ]


async def test_an_answer_that_is_no_success_ends_a_flood(tmp_path: Path) -> None:
    with serving(tmp_path) as server, pytest.raises(Failed, match="StateMachineDoesNotExist"):
        await flood(server.url, "StartExecution", [ABSENT], 2, seconds=20)
