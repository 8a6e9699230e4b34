"""What a map run is told, and who waits until it is taken in."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stepwell.engine.map_run.progress import Redriven


@dataclass(frozen=True, slots=True)
class ChildEnded:
    """`message` is the child's key and the id of the message that tells it; `at` the time of a virtual clock."""

    message: tuple[int, int]
    status: str
    items: int
    at: int | None


@dataclass(frozen=True, slots=True)
class Aborted:
    """The parent no longer waits."""

    message: tuple[int, int]


@dataclass(frozen=True, slots=True)
class AskedAgain:
    """The parent, redriven, waits again."""

    message: tuple[int, int]
    asked: Redriven


@dataclass(frozen=True, slots=True)
class Updated:
    """UpdateMapRun: members of `Progress`."""

    changes: Mapping[str, Any]


Event = ChildEnded | Aborted | AskedAgain | Updated


@dataclass(slots=True)
class Post:
    """`reply` says whether the event was taken in; it is then committed."""

    event: Event
    reply: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
