"""A killed server loses nothing that it has acknowledged, and leaves no half turn."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from stepwell.store.open import open_store
from stepwell.store.protocol import Store
from tests.store.crashing_writer import EXECUTIONS

KILLS = 5
ROOT = Path(__file__).parents[2]


def acknowledged_until_killed(database: Path, lines: int) -> dict[int, int]:
    """The newest acknowledged version of each execution when the writer was killed, after some acknowledgements."""
    command = [sys.executable, "-m", "tests.store.crashing_writer", str(database)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        read = [writer.stdout.readline() for _ in range(lines)]
        writer.kill()
        read += writer.stdout.readlines()
    whole = [line.split() for line in read if line.endswith("\n")]
    return {int(key): int(version) for key, version in whole}


async def check_whole(store: Store, key: int, at_least: int) -> None:
    loaded = await store.load_execution(key)
    if loaded is None:
        assert at_least == 0
        return
    version = loaded.row.version
    assert version >= at_least
    assert loaded.row.change.last_event_id == 2 * version
    assert loaded.frames == {f"{version}.0/": str(version).encode() * 200}
    assert loaded.timers == {"|wait": version}
    records = await store.history(key, 1, 2 * version, False)
    assert [(r.first_id, r.last_id) for r in records] == [(2 * v - 1, 2 * v) for v in range(1, version + 1)]
    effects = [row.effect.id for row in await store.outbox("task", (key, 0), 100) if row.key == key]
    assert effects == [version]


async def test_every_acknowledged_turn_survives_a_kill_whole(tmp_path: Path) -> None:
    database = tmp_path / "store.db"
    chance = random.Random(20)
    acknowledged = dict.fromkeys(EXECUTIONS, 0)
    for _ in range(KILLS):
        acknowledged |= acknowledged_until_killed(database, chance.randrange(1, 600))
        store = await open_store(str(database))  # the lock has died with the process
        for key, version in acknowledged.items():
            await check_whole(store, key, version)
        await store.close()
    assert all(acknowledged.values())
