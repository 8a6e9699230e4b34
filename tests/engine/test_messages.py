"""Messages between executions: in order, again after a failure, and none in the way of the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest

from stepwell.engine import messages
from stepwell.engine.messages import Messages
from stepwell.engine.records import MESSAGE
from stepwell.store.protocol import EffectRow, OutboxRow, StoreError
from tests.engine.house import until


class Disk:
    """The rows of a store's outbox."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, int], EffectRow] = {}

    def write(self, key: int, id: int) -> EffectRow:
        row = self.rows[key, id] = EffectRow(id, MESSAGE, f"word {id}", None, b"")
        return row

    async def outbox(self, kind: str, after: tuple[int, int], limit: int) -> Sequence[OutboxRow]:
        found = sorted(place for place in self.rows if place > after)[:limit]
        return [OutboxRow(key, self.rows[key, id]) for key, id in found]

    async def effect(self, key: int, id: int) -> EffectRow | None:
        return self.rows.get((key, id))


class Receiver:
    """Takes messages in, but for those that are to raise so many times."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.heard: list[tuple[int, int]] = []
        self.raises: dict[tuple[int, int], list[Exception]] = {}

    async def __call__(self, key: int, row: EffectRow) -> None:
        await asyncio.sleep(0)
        if self.raises.get((key, row.id)):
            raise self.raises[key, row.id].pop()
        self.heard.append((key, row.id))
        del self.disk.rows[key, row.id]


class Post:
    def __init__(self) -> None:
        self.disk = Disk()
        self.receiver = Receiver(self.disk)
        self.messages = Messages(self.disk, self.receiver)  # type: ignore[arg-type]  # it asks for no more

    def send(self, key: int, id: int) -> None:
        self.messages.add(key, self.disk.write(key, id))

    async def told(self) -> None:
        await until(lambda: not self.disk.rows)
        await self.messages.stop()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "_PAUSE", 0.001)
    monkeypatch.setattr(messages, "_AGAIN", 0.01)
    monkeypatch.setattr(messages, "_PATIENCE", 0.02)


@pytest.mark.parametrize("error", [StoreError("busy"), TypeError("odd"), KeyError("arn")], ids=repr)
async def test_a_message_that_could_not_be_told_is_told_later_and_those_of_its_sender_behind_it(
    error: Exception,
) -> None:
    post = Post()
    post.receiver.raises[1, 1] = [error] * 3
    post.messages.start()
    for id in (1, 2, 3):
        post.send(1, id)
    await until(lambda: len(post.receiver.raises[1, 1]) < 3)
    post.send(1, 4)
    await post.told()
    assert post.receiver.heard == [(1, 1), (1, 2), (1, 3), (1, 4)]


async def test_a_message_whose_commit_fails_although_it_is_on_the_disk_is_not_told_again() -> None:
    post = Post()
    hear = post.receiver.__call__

    async def hears(key: int, row: EffectRow) -> None:
        await hear(key, row)
        raise StoreError("the disk is gone, with the commit on it")

    post.messages._deliver = hears
    post.send(1, 1)
    await until(lambda: not post.messages._waiting)
    await post.told()
    assert post.receiver.heard == [(1, 1)]


async def test_messages_that_a_defect_keeps_from_being_told_take_no_place_from_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(messages, "_SENDERS", 2)
    monkeypatch.setattr(messages, "_PAGE", 2)
    post = Post()
    for key in range(1, 6):
        post.receiver.raises[key, 1] = [TypeError("odd")] * 10_000
        post.disk.write(key, 1)
    for key in range(6, 11):
        post.disk.write(key, 1)
    post.messages.start()
    await until(lambda: len(post.receiver.heard) == 5 and post.messages.stuck == 5)
    post.receiver.raises.clear()
    await post.told()
    assert sorted(post.receiver.heard) == [(key, 1) for key in range(1, 11)]
    assert post.messages.stuck == 0


async def test_a_defect_is_told_of_with_its_first_message_and_the_others_in_a_line_each(
    caplog: pytest.LogCaptureFixture,
) -> None:
    post = Post()
    for key in (1, 2, 3):
        post.receiver.raises[key, 1] = [TypeError("odd")]
        post.disk.write(key, 1)
    post.messages.start()
    await post.told()
    told = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.getMessage().partition(" from being told")[0] for record in told] == [
        f"a defect keeps word 1 of the execution {key}" for key in (1, 2, 3)
    ]
    assert [bool(record.exc_info) for record in told] == [True, False, False]


async def test_rows_that_cannot_be_read_are_read_later(monkeypatch: pytest.MonkeyPatch) -> None:
    post = Post()
    post.disk.write(1, 1)
    errors: list[Exception] = [StoreError("busy"), TypeError("odd")]
    outbox = post.disk.outbox

    async def failing(kind: str, after: tuple[int, int], limit: int) -> Sequence[OutboxRow]:
        if errors:
            raise errors.pop()
        return await outbox(kind, after, limit)

    monkeypatch.setattr(post.disk, "outbox", failing)
    monkeypatch.setattr(messages, "_UNREAD", 0.01)
    post.messages.start()
    await post.told()
    assert not errors
