"""The one function behind the state machine: it routes by `action`.

Rules that must stay true here:
- An action that is not known is an error that names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from apps.recovery.waves import check_wave_status, start_wave

ACTIONS: Final[Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]]] = {
    "start_wave": start_wave,
    "check_wave_status": check_wave_status,
}


class UnknownAction(Exception):
    """The action of an event is none that there is."""


def handler(event: Mapping[str, Any], context: object) -> Mapping[str, Any]:
    """Raises UnknownAction, and what the action raises."""
    action = event.get("action")
    if action not in ACTIONS:
        raise UnknownAction(f"Unknown action: {action!r}. Actions are: {', '.join(ACTIONS)}")
    return ACTIONS[str(action)](event)
