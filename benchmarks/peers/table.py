"""The table of Stepwell and its peers: a row each, a column a workload, and why a cell is empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.figure import Sample, markdown, number
from benchmarks.peers import peer
from benchmarks.peers.peer import Peer, Unavailable

HEADS = {
    peer.CHAIN: "steps/s in one execution",
    peer.SHORT: "executions/s, 200 of 10 steps",
    peer.LATENCY: "start to end, one step, p50 ms",
    peer.POLLS: "1,000 poll loops, s (4 s are waits)",
    peer.TASKS: "no-op tasks/s",
    peer.KILL: "kill -9: what had ended is known; sleepers that end",
}
RISING = (peer.CHAIN, peer.SHORT, peer.TASKS)  # where more is better


@dataclass(frozen=True)
class Cell:
    """What a peer gives in a workload; `problem` says why it gives nothing."""

    samples: Sequence[Sample]
    problem: str = ""

    def record(self, name: str, workload: str) -> dict[str, Any]:
        """For the JSON file."""
        told: dict[str, Any] = {"peer": name, "workload": workload}
        if self.problem:
            return {**told, "problem": self.problem}
        return {**told, "samples": [asdict(sample) for sample in self.samples]}


def table(
    versions: Mapping[str, str | Unavailable],
    peers: Mapping[str, Peer],
    workloads: Sequence[str],
    cells: Mapping[tuple[str, str], Cell],
) -> str:
    """A Markdown table; in brackets how many times as good Stepwell is. Below it: what is missing, and why."""
    rows, missing = [], []
    for name, version in versions.items():
        if isinstance(version, Unavailable):
            rows.append((name, peers[name].what, *["none"] * len(workloads)))
            missing.append(f"- {name}: {_plain(str(version))}")
            continue
        row = [f"{name} {version}", peers[name].what]
        for workload in workloads:
            cell = cells[name, workload]
            if cell.problem:
                missing.append(f"- {name}, {workload}: {_plain(cell.problem)}")
            row.append("none" if cell.problem else _text(workload, cell, cells.get(("Stepwell", workload))))
        rows.append(tuple(row))
    head = ("", "runs as", *(HEADS[workload] for workload in workloads))
    text = markdown(head, rows, right=range(2, len(head)))
    return "\n".join([text, "", "Where there is none:", "", *missing]) if missing else text


def _text(workload: str, cell: Cell, stepwell: Cell | None) -> str:
    if workload == peer.KILL:
        known, ended = (sample.value for sample in cell.samples)
        return f"{'yes' if known else 'no'}; {ended:.0f} of {peer.SLEEPERS}"
    value, own = cell.samples[0].value, None
    if stepwell is not None and stepwell is not cell and stepwell.samples:
        own = stepwell.samples[0].value / value if workload in RISING else value / stepwell.samples[0].value
    return number(value) if own is None else f"{number(value)} ({number(own)}×)"


def _plain(reason: str) -> str:
    """A reason in one line, without the name of an exception's class and its module."""
    first, separator, rest = reason.partition(": ")
    words = rest if separator and "." in first and " " not in first else reason
    return " ".join(words.split())
