"""Timers: durable, told apart by their due time, and never in each other's way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from stepwell.engine import timers as timers_module
from stepwell.engine.timers import Answer, Bounds, Fire, Timers
from stepwell.store.protocol import StoreError, StoreFull, TimerRow
from tests.engine.house import FakeClock, Gate, House, until
from tests.machine.journey import CALLBACK, machine
from tests.patience import PATIENCE


class Rows:
    """A store that knows timers only."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, str], int] = {}
        self.reads = 0

    async def due_timers(self, until: int, limit: int) -> list[TimerRow]:
        self.reads += 1
        found = sorted((due, key, name) for (key, name), due in self.rows.items() if due <= until)
        await asyncio.sleep(0)
        return [TimerRow(key, name, due) for due, key, name in found[:limit]]


def firing(take: Callable[[int, str, int], Coroutine[None, None, None]]) -> Fire:
    """What hands a timer in, of what takes it in."""

    def fire(key: int, name: str, due: int) -> Answer:
        return asyncio.ensure_future(take(key, name, due))

    return fire


def timers(rows: Rows, clock: FakeClock, fired: list[int], window: int = 40, bounds: Bounds | None = None) -> Timers:
    async def fire(key: int, name: str, due: int) -> None:
        await asyncio.sleep(0)
        if rows.rows.get((key, name)) == due:
            del rows.rows[key, name]
            fired.append(key)

    return Timers(rows, clock, firing(fire), window, bounds)


async def test_a_wait_outlives_a_restart(still_house: House) -> None:
    house = still_house
    started = await house.start(await house.machine(machine({"Rest": {"Type": "Wait", "Seconds": 3_600}})))
    await house.restart()
    house.clock.advance(3_599)
    await asyncio.sleep(0.05)
    assert (await house.row(started)).change.status == "RUNNING"
    house.clock.advance(1)
    row = await house.end(started)
    assert (row.change.status, row.change.stop_date) == ("SUCCEEDED", row.new.start_date + 3_600_000)


async def test_a_heartbeat_that_was_replaced_does_not_fire(still_house: House) -> None:
    house = still_house
    house.dispatcher.handlers["Call"] = Gate()
    call = {"Type": "Task", "Resource": CALLBACK, "HeartbeatSeconds": 10}
    started = await house.start(await house.machine(machine({"Call": call})))
    await until(lambda: len(house.dispatcher.tasks) == 1)
    for _ in range(3):
        house.clock.advance(9)
        await house.engine.send_task_heartbeat(house.dispatcher.tasks[0].token)
        await asyncio.sleep(0.02)
    assert (await house.row(started)).change.status == "RUNNING"
    house.clock.advance(10)
    assert (await house.end(started)).change.error == "States.Timeout"


async def test_more_timers_than_memory_holds_all_fire_once() -> None:
    rows, clock, fired = Rows(), FakeClock(), list[int]()
    rows.rows = {(key, "|wait"): clock.now() - key for key in range(12_000)}
    served = timers(rows, clock, fired)
    served.start()
    await until(lambda: len(fired) == 12_000)
    await served.stop()
    assert sorted(fired) == list(range(12_000))
    assert not served._waiting


async def test_a_timer_that_falls_due_while_others_are_taken_in_fires_right_after_them() -> None:
    rows, clock, fired = Rows(), FakeClock(), list[int]()
    many, opened = Bounds().fired + 1, asyncio.Event()

    async def fire(key: int, name: str, due: int) -> None:
        await opened.wait()
        fired.append(key)
        rows.rows.pop((key, name), None)

    served = Timers(rows, clock, firing(fire), 3_600_000)
    rows.rows = {(key, "|wait"): clock.now() for key in range(many)}
    rows.rows[many, "|wait"] = clock.now() + 60_000
    served.start()
    await until(lambda: len(served._firing) == many - 1)
    clock.advance(60)
    opened.set()
    await until(lambda: many in fired)
    await served.stop()


async def test_a_timer_that_is_renewed_while_the_store_is_read_fires_without_another_look() -> None:
    rows, clock, fired = Rows(), FakeClock(), list[int]()
    read, opened = asyncio.Event(), asyncio.Event()

    class Slow:
        async def due_timers(self, until: int, limit: int) -> list[TimerRow]:
            found = await rows.due_timers(until, limit)
            read.set()
            await opened.wait()
            return found

    async def fire(key: int, name: str, due: int) -> None:
        if rows.rows.get((key, name)) == due:
            fired.append(key)

    served = Timers(Slow(), clock, firing(fire), 3_600_000)
    rows.rows[1, "|wait"] = clock.now()
    served.start()
    await asyncio.wait_for(read.wait(), PATIENCE)
    clock.advance(60)
    rows.rows[1, "|wait"] = clock.now()
    served.add(1, "|wait", clock.now())
    opened.set()
    await until(lambda: fired == [1])
    await served.stop()


async def test_a_timer_that_follows_one_that_is_being_fired_does_not_wait_for_its_answer() -> None:
    rows, clock, fired = Rows(), FakeClock(), list[int]()
    committed, answered = asyncio.Event(), asyncio.Event()
    first, second = clock.now(), clock.now() + 60_000

    async def fire(key: int, name: str, due: int) -> None:
        fired.append(due)
        if due == first:
            rows.rows[key, name] = second
            served.add(key, name, second)  # beyond what memory holds
            committed.set()
            await answered.wait()
        else:
            del rows.rows[key, name]

    served = Timers(rows, clock, firing(fire), 40)
    rows.rows[1, "|wait"] = first
    served.start()
    await asyncio.wait_for(committed.wait(), PATIENCE)
    clock.advance(60)
    await until(lambda: fired == [first, second])
    answered.set()
    await served.stop()


async def test_a_timer_that_falls_due_while_the_store_is_read_does_not_wait_for_the_read() -> None:
    clock, fired = FakeClock(), list[int]()
    reading, opened = asyncio.Event(), asyncio.Event()

    class Slow:
        async def due_timers(self, until: int, limit: int) -> list[TimerRow]:
            reading.set()
            await opened.wait()
            return []

    async def fire(key: int, name: str, due: int) -> None:
        fired.append(key)

    served = Timers(Slow(), clock, firing(fire), 3_600_000)
    served.start()
    await asyncio.wait_for(reading.wait(), PATIENCE)
    served.add(1, "|wait", clock.now())
    await until(lambda: fired == [1])
    opened.set()
    await served.stop()


async def test_the_store_is_not_read_again_and_again_while_what_was_read_is_fired() -> None:
    rows, clock = Rows(), FakeClock()
    handed_in, opened = list[int](), asyncio.Event()

    async def fire(key: int, name: str, due: int) -> None:
        handed_in.append(key)
        await opened.wait()
        rows.rows.pop((key, name), None)

    bounds = Bounds(read=10, fired=4)
    served = Timers(rows, clock, firing(fire), 3_600_000, bounds)
    rows.rows = {(key, "|wait"): clock.now() for key in range(30)}
    served.start()
    await until(lambda: len(handed_in) == 4)
    for _ in range(50):
        await asyncio.sleep(0)
    assert rows.reads == 1
    opened.set()
    await until(lambda: not rows.rows)
    assert rows.reads <= 30 / (10 - 4) + 2
    await served.stop()


async def test_what_finds_no_room_in_memory_is_read_when_it_is_due() -> None:
    rows, clock, fired = Rows(), FakeClock(), list[int]()
    served = timers(rows, clock, fired, window=3_600_000, bounds=Bounds(held=2))
    served.start()
    await until(lambda: rows.reads == 1)
    for key, seconds in ((1, 50), (2, 40), (3, 30), (4, 20)):
        rows.rows[key, "|wait"] = due = clock.now() + seconds * 1_000
        served.add(key, "|wait", due)
    assert sum(len(names) for names in served._waiting.values()) == 2
    clock.advance(20)
    await until(lambda: fired == [4])
    await served.stop()


async def test_a_timer_that_takes_long_keeps_no_other_from_firing() -> None:
    rows, clock, fired = Rows(), FakeClock(), list[int]()
    opened = asyncio.Event()

    async def fire(key: int, name: str, due: int) -> None:
        if key == 1:
            await opened.wait()
        fired.append(key)
        rows.rows.pop((key, name), None)

    served = Timers(rows, clock, firing(fire), 20)
    rows.rows = {(1, "|wait"): clock.now()}
    served.start()
    await until(lambda: len(served._firing) == 1)
    rows.rows[2, "|wait"] = clock.now() + 3_600_000
    clock.advance(3_600)
    await until(lambda: fired == [2])
    opened.set()
    await until(lambda: fired == [2, 1])
    await served.stop()


async def test_a_timer_that_is_committed_while_the_store_is_read_is_not_missed() -> None:
    rows, clock, fired = Rows(), FakeClock(), list[int]()
    served = timers(rows, clock, fired, window=60_000)
    served.start()
    await until(lambda: rows.reads == 1)
    rows.rows[1, "|wait"] = clock.now() + 1  # the read that is under way does not see it
    served.add(1, "|wait", clock.now() + 1)
    clock.advance(1)
    await until(lambda: fired == [1])
    assert rows.reads == 1
    await served.stop()


async def test_a_timer_that_was_removed_wakes_nobody() -> None:
    rows, clock = Rows(), FakeClock()
    asked: list[int] = []

    async def fire(key: int, name: str, due: int) -> None:
        asked.append(key)

    served = Timers(rows, clock, firing(fire), 60_000)
    served.start()
    await until(lambda: rows.reads == 1)
    for key in (1, 2, 3):
        served.add(key, "5.0/|timeout", clock.now() + 50)
    served.remove(1, ["5.0/|timeout"], ())
    served.remove(2, (), ["5."])
    clock.advance(1)
    await until(lambda: asked == [3])
    await served.stop()


async def test_a_store_that_fails_is_not_asked_without_a_pause() -> None:
    rows, clock = Rows(), FakeClock()
    rows.rows = {(key, "|wait"): clock.now() for key in range(6_000)}
    tries = 0

    async def fire(key: int, name: str, due: int) -> None:
        nonlocal tries
        tries += 1
        raise StoreFull("disk full")

    served = Timers(rows, clock, firing(fire), 40)
    timers_module.logger.disabled = True
    served.start()
    await until(lambda: tries > 0)
    await asyncio.sleep(0.05)
    assert tries < 500
    assert rows.reads == 1
    await served.stop()
    timers_module.logger.disabled = False


async def test_timers_that_cannot_be_read_are_read_again() -> None:
    rows, clock, fired = Rows(), FakeClock(), list[int]()
    rows.rows = {(1, "|wait"): clock.now()}
    served = timers(rows, clock, fired)
    read, faults = rows.due_timers, [StoreError("busy")]

    async def once_broken(until: int, limit: int) -> list[TimerRow]:
        if faults:
            raise faults.pop()
        return await read(until, limit)

    rows.due_timers = once_broken  # type: ignore[method-assign]
    served.start()
    await until(lambda: fired == [1])
    await served.stop()
