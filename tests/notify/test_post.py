"""Deliveries on a real store, with a clock that is set and a sender that is told what to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from stepwell.notify.channel import Channel, Webhook
from stepwell.notify.post import PAUSES, Post
from stepwell.notify.senders import NotDelivered
from stepwell.store.notices import DeliveryRow
from stepwell.store.open import open_store
from stepwell.store.protocol import Store
from tests.patience import come

DAY = 86_400_000


@dataclass
class SetClock:
    time: int = 1_900_000_000_000

    def now(self) -> int:
        return self.time


@dataclass
class Sent:
    """Writes down what arrives. `refuse` says, for a URL and a body, what is raised instead; it may wait."""

    refuse: Callable[[str, str], Exception | None] = lambda url, body: None
    arrived: list[tuple[str, str]] = field(default_factory=list)
    tries: int = 0
    held: set[str] = field(default_factory=set)

    async def send(self, channel: Channel, delivery: DeliveryRow, body: str) -> None:
        assert isinstance(channel, Webhook)
        self.tries += 1
        if channel.url in self.held:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        refused = self.refuse(channel.url, body)
        if refused is not None:
            raise refused
        self.arrived.append((channel.url, body))


@dataclass
class House:
    store: Store
    clock: SetClock
    sent: Sent
    post: Post

    async def at(self, time: int) -> None:
        """Set the clock, and wait until all that is due by then was tried."""
        self.clock.time = time
        self.post.wake()
        await come(self._is_nothing_due)

    async def _is_nothing_due(self) -> bool:
        waiting = await self.store.notices.destinations()
        return all(due > self.clock.time or self.rests(name) for name, due in waiting)

    def rests(self, destination: str) -> bool:
        rest = self.post._rests.get(destination)
        return rest is not None and rest.until > self.clock.time

    async def dead(self) -> list[tuple[str, str | None]]:
        return [(row.event_id, row.error) for row in await self.store.notices.dead(0, 100)]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    store, clock, sent = await open_store(str(tmp_path / "store.db")), SetClock(), Sent()
    post = Post(store.notices, sent, clock.now)
    post.start()
    yield House(store, clock, sent, post)
    await post.stop()
    await store.close()


async def test_a_delivery_arrives_and_leaves_the_store(house: House) -> None:
    await house.post.deliver("https://a.example/x", '{"n": 1}', "e1")
    await come(lambda: house.sent.arrived == [("https://a.example/x", '{"n": 1}')])
    await house.at(house.clock.time)
    assert await house.store.notices.destinations() == []


async def test_what_fails_is_tried_again_for_a_day_and_then_given_up(house: House) -> None:
    house.sent.refuse = lambda url, body: NotDelivered("closed")
    began = house.clock.time
    await house.post.deliver("https://a.example", "{}", "e1")
    times = []
    while not await house.dead():
        await house.at(house.clock.time)
        times.append(house.clock.time - began)
        house.clock.time += 60_000  # no rest is longer
        if waiting := await house.store.notices.destinations():
            house.clock.time = max(house.clock.time, waiting[0][1])
    assert house.sent.tries == len(PAUSES) + 1
    assert 0.8 * DAY < times[-1] < 1.2 * DAY
    assert await house.dead() == [("e1", "closed")]


async def test_what_was_given_up_is_tried_again_when_asked_or_forgotten(house: House) -> None:
    house.sent.refuse = lambda url, body: NotDelivered("gone", final=True)
    for n in range(3):
        await house.post.deliver("https://a.example", str(n), f"e{n}")
    await come(lambda: house.sent.tries >= 1)
    for seconds in range(1, 10):
        await house.at(house.clock.time + seconds * 1000)
    assert len(await house.dead()) == 3
    house.sent.refuse = lambda url, body: None
    first = (await house.store.notices.dead(0, 1))[0]
    assert await house.post.retry(first.id) == 1
    await house.at(house.clock.time + 100_000)
    assert house.sent.arrived == [("https://a.example", "0")]
    assert await house.store.notices.drop(first.id) == 0
    assert await house.store.notices.drop(None) == 2
    assert await house.dead() == []


async def test_those_of_one_lane_arrive_in_order_although_the_first_fails(house: House) -> None:
    house.sent.refuse = lambda url, body: NotDelivered("not yet") if not failed.done() else None
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    for n in range(5):
        await house.post.deliver("https://a.example", str(n), f"e{n}", lane="one")
    await come(lambda: house.sent.tries == 1)
    await house.at(house.clock.time)
    failed.set_result(None)
    for seconds in range(1, 20):
        await house.at(house.clock.time + seconds * 1000)
    assert [body for _, body in house.sent.arrived] == ["0", "1", "2", "3", "4"]


async def test_one_that_is_given_up_lets_the_next_of_its_lane_go_on(house: House) -> None:
    house.sent.refuse = lambda url, body: NotDelivered("bad", final=True) if body == "0" else None
    for n in range(2):
        await house.post.deliver("https://a.example", str(n), f"e{n}", lane="one")
    await come(lambda: house.sent.tries >= 1)
    for seconds in range(1, 5):
        await house.at(house.clock.time + seconds * 1000)
    assert house.sent.arrived == [("https://a.example", "1")]
    assert await house.dead() == [("e0", "bad")]


async def test_a_receiver_that_never_answers_delays_nobody(house: House) -> None:
    house.sent.held.add("https://slow.example")
    for n in range(50):
        await house.post.deliver("https://slow.example", str(n), f"s{n}")
    for n in range(20):
        await house.post.deliver("https://quick.example", str(n), f"q{n}")
    await come(lambda: len(house.sent.arrived) == 20)


async def test_a_receiver_that_fails_is_asked_one_by_one_until_it_answers(house: House) -> None:
    house.sent.refuse = lambda url, body: NotDelivered("closed")
    for n in range(30):
        await house.post.deliver("https://a.example", str(n), f"e{n}")
    await come(lambda: house.rests("https://a.example"))
    tried = house.sent.tries
    assert tried <= 8
    house.clock.time += 1_500
    house.post.wake()
    await come(lambda: house.rests("https://a.example"))
    assert house.sent.tries == tried + 1
    house.sent.refuse = lambda url, body: None
    house.clock.time += 60_000
    house.post.wake()
    await come(lambda: len(house.sent.arrived) == 30)


async def test_the_same_event_for_the_same_receiver_is_kept_once(house: House) -> None:
    house.sent.held.add("https://a.example")
    for _ in range(3):
        await house.post.deliver("https://a.example", "{}", "e1")
    await house.post.deliver("https://b.example", "{}", "e1")
    await come(lambda: house.sent.arrived == [("https://b.example", "{}")])
    assert house.sent.tries == 2


async def test_what_an_earlier_process_has_left_is_sent_by_the_next(house: House) -> None:
    house.sent.held.add("https://a.example")
    await house.post.deliver("https://a.example", "{}", "e1")
    await come(lambda: house.sent.tries == 1)
    await house.post.stop()
    house.sent.held.clear()
    house.post = Post(house.store.notices, house.sent, house.clock.now)
    house.post.start()
    await come(lambda: house.sent.arrived == [("https://a.example", "{}")])
