"""How peers are shown, and that Stepwell itself runs each workload that they are measured by."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.figure import Sample
from benchmarks.peers import peer
from benchmarks.peers.peer import Unavailable
from benchmarks.peers.registry import PEERS
from benchmarks.peers.table import Cell, table
from benchmarks.runs import one_run


@pytest.mark.parametrize("workload", peer.WORKLOADS)
def test_stepwell_runs_what_its_peers_run(workload: str, tmp_path: Path) -> None:
    words = ["benchmarks.peers.one", "Stepwell", workload, str(tmp_path), "--cache", str(tmp_path), "--scale", "0.01"]
    samples = one_run(words, 120, tmp_path)
    if workload == peer.KILL:
        assert [sample.value for sample in samples] == [1, peer.SLEEPERS]
    else:
        assert samples[0].value > 0


def test_a_ratio_says_how_many_times_as_good_stepwell_is() -> None:
    cells = {
        ("Stepwell", peer.CHAIN): Cell([Sample(peer.STEPS, 60_000, "/s")]),
        ("moto", peer.CHAIN): Cell([Sample(peer.STEPS, 1_500, "/s")]),
        ("Stepwell", peer.LATENCY): Cell([Sample(peer.MILLISECONDS, 2, "ms")]),
        ("moto", peer.LATENCY): Cell([Sample(peer.MILLISECONDS, 10, "ms")]),
    }
    lines = table({"Stepwell": "1", "moto": "5"}, PEERS, (peer.CHAIN, peer.LATENCY), cells).splitlines()
    assert lines[2] == "| Stepwell 1 | a server, SQLite | 60,000 | 2 |"
    assert lines[3] == "| moto 5 | a server, in memory | 1,500 (40×) | 10 (5×) |"


def test_what_is_missing_is_told_with_its_reason() -> None:
    cells = {("moto", peer.TASKS): Cell((), "benchmarks.peers.peer.Unavailable: it has no Docker")}
    text = table({"LocalStack": Unavailable("it cannot be installed"), "moto": "5"}, PEERS, (peer.TASKS,), cells)
    assert "| moto 5 | a server, in memory | none |" in text
    assert "- LocalStack: it cannot be installed" in text
    assert "- moto, tasks: it has no Docker" in text


def test_a_kill_is_told_in_words() -> None:
    cells = {("moto", peer.KILL): Cell([Sample(peer.KNOWN, 0, ""), Sample(peer.ENDED, 3, "")])}
    assert "| no; 3 of 20 |" in table({"moto": "5"}, PEERS, (peer.KILL,), cells)
