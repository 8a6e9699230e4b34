"""A party: somebody in a simulated world who asks something of its server, and knows what has to hold then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from tests.simulation.agenda import Agenda
from tests.simulation.audit import Audit
from tests.simulation.exchange import Exchange
from tests.simulation.times import Times


@dataclass(frozen=True)
class Scene:
    """What a party finds in its world. `calm`: nothing goes wrong, and nobody is in the way of anybody."""

    agenda: Agenda
    exchange: Exchange
    audit: Audit
    times: Times
    chance: Random
    calm: bool


class Party(Protocol):
    def begin(self) -> None:
        """The world begins: put on its agenda what is to be done."""
        ...

    @property
    def busy(self) -> bool:
        """Whether something is still to be done or waited for. Asked once all executions have ended."""
        ...

    def look(self) -> None:
        """Something was written, or another life of the server has begun. Raises Broken."""
        ...

    def finish(self) -> Mapping[str, Any]:
        """All is over: the last look, and what has to be the same in a run without faults. Raises Broken."""
        ...
