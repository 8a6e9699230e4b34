"""Plans: waves of protection groups, and the order in which they run.

    {"ProtectionGroups": {"pg-database": ["s-…", …]},
     "Plans": {"plan-shop": {"Waves": [{"WaveNumber": 1, "ProtectionGroups": ["pg-database"], "DependsOn": []}]}}}

Rules that must stay true here:
- A wave stands behind all that it depends on; among those that may come next, the lowest number comes first.
- What is wrong with a plan is found before anything runs, and told by wave.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

Wave: TypeAlias = Mapping[str, Any]
"""`WaveNumber`, `ProtectionGroups` (names, or objects with `SourceServerIds`), and `DependsOn` (wave numbers)."""


class UnknownPlan(Exception):
    """There is no plan of that id."""


class BadPlan(Exception):
    """A plan that cannot be run; the message says why."""


def ordered_waves(path: Path, plan_id: str) -> list[Wave]:
    """The waves of a plan in the order in which they run. Raises UnknownPlan, BadPlan."""
    document = _read(path)
    plan = document.get("Plans", {}).get(plan_id)
    if plan is None:
        raise UnknownPlan(plan_id)
    waves = sorted(plan.get("Waves", ()), key=lambda wave: int(wave["WaveNumber"]))
    for wave in waves:
        servers_of(wave, document.get("ProtectionGroups", {}))
    return in_order(waves)


def in_order(waves: Sequence[Wave]) -> list[Wave]:
    """Waves, sorted by number, in an order that their dependencies allow. Raises BadPlan."""
    numbers = [wave["WaveNumber"] for wave in waves]
    if len(set(numbers)) != len(numbers):
        raise BadPlan("two waves have the same WaveNumber")
    for wave in waves:
        if unknown := [number for number in wave.get("DependsOn", ()) if number not in numbers]:
            raise BadPlan(f"wave {wave['WaveNumber']} depends on wave {unknown[0]}, which is not in the plan")
    left, ordered = list(waves), list[Wave]()
    done: set[int] = set()
    while left:
        ready = next((wave for wave in left if done.issuperset(wave.get("DependsOn", ()))), None)
        if ready is None:
            raise BadPlan(f"waves {', '.join(str(wave['WaveNumber']) for wave in left)} wait for one another")
        left.remove(ready)
        ordered.append(ready)
        done.add(ready["WaveNumber"])
    return ordered


def wave_servers(path: Path, wave: Wave) -> list[str]:
    """The source servers of a wave, each once. Raises BadPlan."""
    return servers_of(wave, _read(path).get("ProtectionGroups", {}))


def servers_of(wave: Wave, groups: Mapping[str, Sequence[str]]) -> list[str]:
    """The source servers of a wave's groups, each once, in their order. Raises BadPlan."""
    servers: list[str] = []
    for group in wave.get("ProtectionGroups", ()):
        if isinstance(group, Mapping):
            servers.extend(group.get("SourceServerIds", ()))
        elif group in groups:
            servers.extend(groups[group])
        else:
            raise BadPlan(f"wave {wave.get('WaveNumber')} names the protection group {group!r}, which does not exist")
    return list(dict.fromkeys(servers))


def _read(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BadPlan(f"{path.name} cannot be read: {error}") from error
    return document
