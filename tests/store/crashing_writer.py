"""Commits turns until it is killed. Tells each accepted turn as a line `key version`.

Every turn of an execution replaces its one frame, timer and effect by ones that bear its version, and adds two events.
"""

from __future__ import annotations

import asyncio
import os
import sys

from stepwell.store.open import open_store
from stepwell.store.protocol import (
    Answer,
    EffectRow,
    EventRecord,
    ExecutionChange,
    NewExecution,
    Store,
    TurnRecord,
)

EXECUTIONS = range(1, 25)


def turn(key: int, version: int) -> TurnRecord:
    new = NewExecution(
        key=key,
        arn=f"arn:{key}",
        machine_arn="arn:m",
        machine_id=1,
        name=str(key),
        definition_hash="hash",
        revision_id="r",
        role_arn="role",
        start_date=1,
        input="{}",
    )
    return TurnRecord(
        key=key,
        version=version,
        new=new if version == 1 else None,
        change=ExecutionChange(status="RUNNING", last_event_id=2 * version),
        frames_removed=[""],
        frames={f"{version}.0/": str(version).encode() * 200},
        events=EventRecord(2 * version - 1, 2 * version, b"e" * 500),
        timers_removed_below=[""],
        timers={"|wait": version},
        effects_removed=[version - 1],
        effects=[EffectRow(version, "task", "target", "", b"t" * 300)],
    )


async def run(store: Store, key: int) -> None:
    loaded = await store.load_execution(key)
    version = 0 if loaded is None else loaded.row.version
    while True:
        version += 1
        assert list(await store.commit([turn(key, version)])) == [Answer.ACCEPTED]
        os.write(1, f"{key} {version}\n".encode())


async def main(path: str) -> None:
    store = await open_store(path)
    await asyncio.gather(*[run(store, key) for key in EXECUTIONS])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
