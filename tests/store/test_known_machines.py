"""State machines that are kept at hand are as the last write left them."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from stepwell.store.protocol import MachineRow
from stepwell.store.sqlite.known_machines import KnownMachines
from tests.patience import PATIENCE
from tests.store.samples import machine

OLD = machine("m")
NEW = replace(OLD, role_arn="arn:aws:iam::123456789012:role/new")


class Stored:
    """What is stored, and how often it was read."""

    def __init__(self) -> None:
        self.row: MachineRow | None = OLD
        self.reads = 0
        self.written = asyncio.Event()

    async def read(self) -> MachineRow | None:
        self.reads += 1
        return self.row

    async def write(self) -> None:
        await self.written.wait()
        self.row = NEW


async def test_a_machine_is_read_once_until_it_changes() -> None:
    known, stored = KnownMachines(), Stored()
    assert [await known.find(OLD.arn, stored.read) for _ in range(3)] == [OLD] * 3
    assert stored.reads == 1
    stored.written.set()
    await known.changed_by(stored.write())
    assert [await known.find(OLD.arn, stored.read) for _ in range(3)] == [NEW] * 3
    assert stored.reads == 2


async def test_a_machine_that_is_not_there_is_looked_for_each_time() -> None:
    known, stored = KnownMachines(), Stored()
    stored.row = None
    assert [await known.find(OLD.arn, stored.read) for _ in range(2)] == [None] * 2
    assert stored.reads == 2


async def test_what_is_read_before_a_write_is_over_is_not_kept() -> None:
    known, stored = KnownMachines(), Stored()
    writing = asyncio.ensure_future(known.changed_by(stored.write()))
    await asyncio.sleep(0)
    assert await known.find(OLD.arn, stored.read) == OLD
    stored.written.set()
    await asyncio.wait_for(writing, PATIENCE)
    assert await known.find(OLD.arn, stored.read) == NEW


async def test_a_write_whose_caller_gives_up_counts_when_it_is_over() -> None:
    known, stored = KnownMachines(), Stored()
    writing = asyncio.ensure_future(known.changed_by(stored.write()))
    await asyncio.sleep(0)
    writing.cancel()
    await asyncio.wait([writing], timeout=5)
    assert await known.find(OLD.arn, stored.read) == OLD
    stored.written.set()
    for _ in range(3):  # the write goes on, ends, and is heard of
        await asyncio.sleep(0)
    assert await known.find(OLD.arn, stored.read) == NEW
