"""What the engine has done since its start, in numbers that only grow.

Rules that must stay true here:
- To count costs next to nothing: a few additions a turn, none of them with a lock or a name that is built.
- A number is never taken back: a turn whose commit is refused has been computed all the same.
"""

from __future__ import annotations

from collections import Counter

from msgspec import Struct, field

from stepwell.machine.turn import Turn


class Metrics(Struct):
    """`started` is by state machine (its ARN), `ended` by state machine and status, `events` by type. Children of map
    runs count for the machine that their run belongs to. `throttled` is how often an execution had to wait
    before it could enter a state; `refused` is by the reason for which the store took no commit."""

    started: Counter[str] = field(default_factory=Counter)
    ended: Counter[tuple[str, str]] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    turns: int = 0
    commits: int = 0
    committed_turns: int = 0
    commit_seconds: float = 0.0
    throttled: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def transitions(self) -> int:
        """States that were entered."""
        return sum(count for type_, count in self.events.items() if type_.endswith("StateEntered"))

    def turn(self, machine_arn: str, turn: Turn) -> None:
        """A turn was computed."""
        self.turns += 1
        events = turn.events
        for event in events:
            self.events[event.type] += 1
        if events and events[0].id == 1:
            self.started[machine_arn] += 1
        if turn.status != "RUNNING":
            self.ended[machine_arn, turn.status] += 1

    def commit(self, turns: int, seconds: float) -> None:
        """A group of turns was committed."""
        self.commits += 1
        self.committed_turns += turns
        self.commit_seconds += seconds

    def refuse(self, reason: str) -> None:
        """A group of turns was not stored."""
        self.refused[reason] += 1
