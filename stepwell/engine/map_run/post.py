"""What a map run is told, and who waits until it is taken in."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from stepwell.engine.map_run.progress import Redriven


class ChildEnded(Struct, frozen=True):
    """`message` is the child's key and the id of the message that tells it; `at` the time of a virtual clock."""

    message: tuple[int, int]
    status: str
    items: int
    at: int | None


class Aborted(Struct, frozen=True):
    """The parent no longer waits."""

    message: tuple[int, int]


class AskedAgain(Struct, frozen=True):
    """The parent, redriven, waits again."""

    message: tuple[int, int]
    asked: Redriven


class Updated(Struct, frozen=True):
    """UpdateMapRun: members of `Progress`."""

    changes: Mapping[str, Any]


Event = ChildEnded | Aborted | AskedAgain | Updated


class Post(Struct):
    """`reply` says whether the event was taken in; it is then committed."""

    event: Event
    reply: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
