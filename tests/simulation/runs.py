"""Seeds, lived through: once with everything that may go wrong, once without.

Rules that must stay true here:
- A steady plan ends in the same way in both; every other one ends.
- A seed that breaks a rule is told with the command that runs it again.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from stepwell.store.sqlite.files import open_files
from tests.simulation.audit import Broken
from tests.simulation.plan import Plan, plan_of
from tests.simulation.world import Outcomes, World

_MEMORY: Final = Path("/dev/shm")  # where there is one, files cost little


@dataclass(frozen=True)
class Finding:
    """A seed that breaks a rule."""

    seed: int
    what: str

    def __str__(self) -> str:
        return f"seed {self.seed}: {self.what}\nrun it again with: make soak SEED={self.seed}"


def live_through(seed: int, plan: Plan | None = None) -> Outcomes:
    """A run with everything that may go wrong. Raises Broken."""
    plan = plan or plan_of(seed)
    lived = run(seed, plan)
    if plan.steady:
        reference = run(seed, plan, calm=True)
        _compare(reference.ends, lived.ends)
    return lived


def run(seed: int, plan: Plan, *, calm: bool = False) -> Outcomes:
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None, prefix="stepwell-sim-") as name:
        folder = Path(name)
        (folder / "template.db").write_bytes(_empty_store())
        return World(seed, plan, folder, calm=calm).run()


def finding(seed: int) -> Finding | None:
    """What is wrong with a seed."""
    try:
        live_through(seed)
    except Broken as broken:
        return Finding(seed, str(broken))
    except Exception as error:
        return Finding(seed, f"{type(error).__name__}: {error}")
    return None


@cache
def _empty_store() -> bytes:
    folder = Path(tempfile.mkdtemp(prefix="stepwell-sim-"))
    try:
        open_files(folder / "empty.db").close()
        return (folder / "empty.db").read_bytes()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _compare(expected: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    for name in expected:
        if expected[name] != found.get(name):
            raise Broken(
                f"{name} ends with {_short(found.get(name))}, and without faults with {_short(expected[name])}"
            )


def _short(end: object) -> str:
    text = json.dumps(end)
    return text if len(text) < 600 else f"{text[:300]} … {text[-300:]}"
