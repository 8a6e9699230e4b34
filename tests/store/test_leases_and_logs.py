"""Leases of workers and log lines, as every store keeps them."""

from __future__ import annotations

from stepwell.store.leases import LeaseRow
from stepwell.store.logs import LogChunk, LogStore
from stepwell.store.open import open_store
from stepwell.store.protocol import Store

DAY = 86_400_000
EVER = (0, 2**62)


def chunk(number: int, group: str = "/g", stream: str = "s", size: int = 10) -> LogChunk:
    """A chunk of two lines, at places and times that follow from its number."""
    return LogChunk(
        group=group,
        stream=stream,
        first_time=number * 1000,
        last_time=number * 1000 + 500,
        first_place=number * 10,
        last_place=number * 10 + 5,
        lines=2,
        data=b"x" * size,
    )


async def places(logs: LogStore, group: str = "/g", stream: str | None = None) -> list[int]:
    return [found.first_place for found in await logs.forward(group, stream, EVER, 0, 1000)]


async def test_a_lease_is_kept_replaced_and_dropped_and_survives_the_server(store_url: str) -> None:
    store = await open_store(store_url)
    row = LeaseRow(b"call", b"token", "f", "worker", 1)
    await store.leases.keep(row)
    await store.leases.keep(LeaseRow(b"other", b"t", "f", None, 2))
    await store.close()
    store = await open_store(store_url)
    again = LeaseRow(b"call", b"another token", "f", "worker 2", 3)
    await store.leases.keep(again)
    await store.leases.drop([b"other", b"never there"])
    assert list(await store.leases.all()) == [again]
    await store.close()


async def test_chunks_are_read_in_both_directions_from_any_place(store: Store) -> None:
    logs = store.logs
    await logs.append([chunk(n, stream=f"s{n % 2}") for n in range(1, 7)], 0)
    assert await places(logs) == [10, 20, 30, 40, 50, 60]
    assert await places(logs, stream="s1") == [10, 30, 50]
    assert [c.first_place for c in await logs.forward("/g", None, EVER, 15, 2)] == [20, 30]
    assert [c.first_place for c in await logs.forward("/g", None, EVER, 14, 1)] == [10]  # it ends behind that place
    assert [c.first_place for c in await logs.backward("/g", None, EVER, 50, 2)] == [40, 30]
    assert [c.first_place for c in await logs.forward("/g", None, (2_400, 3_100), 0, 9)] == [20, 30]
    assert [(s.name, s.first_time, s.last_time, s.last_place) for s in await logs.streams("/g")] == [
        ("s0", 2000, 6500, 65),
        ("s1", 1000, 5500, 55),
    ]


async def test_groups_are_found_by_prefix_and_come_with_their_first_chunk(store: Store) -> None:
    logs = store.logs
    await logs.append([chunk(1, "/aws/lambda/a"), chunk(2, "/aws/lambda/b"), chunk(3, "/own")], 7)
    assert [(group.name, group.created) for group in await logs.groups("/aws/", "", 9)] == [
        ("/aws/lambda/a", 7),
        ("/aws/lambda/b", 7),
    ]
    assert [group.name for group in await logs.groups("", "/aws/lambda/a", 1)] == ["/aws/lambda/b"]
    assert [c.group for c in await logs.newest("/aws/lambda/", 9)] == ["/aws/lambda/b", "/aws/lambda/a"]
    assert not await logs.create_group("/own", 9)
    assert await logs.delete_group("/own")
    assert not await logs.delete_group("/own")
    assert await places(logs, "/own") == []
    assert await logs.find_group("/own") is None
    assert [await logs.was_deleted(name) for name in ("/own", "/never", "/aws/lambda/a")] == [True, False, False]
    assert not await logs.set_days("/own", 3)
    assert [group.name for group in await logs.groups("/own", "", 9)] == []
    await logs.append([chunk(4, "/own")], 9)
    assert not await logs.was_deleted("/own")
    found = await logs.find_group("/own")
    assert found is not None
    assert (found.created, found.days) == (9, None)


async def test_what_is_too_old_goes_and_sooner_where_the_group_says_so(store: Store) -> None:
    logs = store.logs
    await logs.append([chunk(n, group) for n in (1, 100_000, 200_000) for group in ("/g", "/short")], 0)
    assert await logs.set_days("/short", 1)
    now = 200_000_000 + 1000
    await logs.prune(now, 50_000_000, 10**9)
    assert await places(logs) == [1_000_000, 2_000_000]
    assert await places(logs, "/short") == [2_000_000]  # a day is 86 million milliseconds
    found = await logs.find_group("/short")
    assert found is not None
    assert found.days == 1


async def test_the_oldest_go_where_all_together_are_too_large(store: Store) -> None:
    logs = store.logs
    for n in range(1, 11):
        await logs.append([chunk(n, size=1_000)], 0)
    await logs.prune(0, 0, 4_900)
    assert await places(logs) == [70, 80, 90, 100]
