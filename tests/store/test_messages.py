"""Messages between executions, and turns that stand and fall with others; on every store."""

from __future__ import annotations

from msgspec.structs import replace

from stepwell.store.protocol import Answer, EffectRow, Store, TurnRecord
from tests.store.samples import first_turn, new_execution, running, succeeded

RUN = 1 << 40  # the key of a map run


def message(id_: int) -> EffectRow:
    return EffectRow(id_, "message", "ended", None, b"data")


async def waiting(store: Store) -> list[tuple[int, int]]:
    return [(row.key, row.effect.id) for row in await store.outbox("message", (0, 0), 100)]


async def test_a_message_outlives_all_frames(store: Store) -> None:
    await store.commit([replace(first_turn(1), effects=[message(5)])])
    await store.commit([TurnRecord(key=1, version=2, change=succeeded(2000), effects_removed_below=[""])])
    assert await waiting(store) == [(1, 5)]
    assert (await store.effect(1, 5)) == message(5)


async def test_the_turn_that_takes_a_message_in_settles_it(store: Store) -> None:
    await store.commit([replace(first_turn(1), effects=[message(5), message(6)]), first_turn(2)])
    stale = TurnRecord(key=2, version=7, change=running(), settled=[(1, 6)])
    taken = TurnRecord(key=2, version=2, change=running(), settled=[(1, 5)])
    assert await store.commit([stale]) == [Answer.STALE]
    assert await store.commit([taken]) == [Answer.ACCEPTED]
    assert await waiting(store) == [(1, 6)]


async def test_messages_are_settled_without_a_turn_too(store: Store) -> None:
    await store.commit([replace(first_turn(1), effects=[message(5), message(6)])])
    await store.settle([(1, 5), (1, 9), (7, 7)])
    assert await waiting(store) == [(1, 6)]


async def test_a_turn_stands_and_falls_with_the_one_that_it_requires(store: Store) -> None:
    lead, child = first_turn(1), replace(first_turn(2), requires=(1, 1))
    assert await store.commit([lead, child]) == [Answer.ACCEPTED, Answer.ACCEPTED]
    stale = TurnRecord(key=1, version=9, change=running())
    assert await store.commit([stale, replace(first_turn(3), requires=(1, 9))]) == [Answer.STALE, Answer.STALE]
    assert await store.commit([replace(first_turn(3), requires=(1, 1))]) == [Answer.ACCEPTED]
    assert await store.commit([replace(first_turn(4), requires=(77, 1))]) == [Answer.STALE]


async def test_children_come_back_as_they_were_in_the_order_of_their_keys(store: Store) -> None:
    turns = []
    for key in (30, 10, 20):
        new = replace(
            new_execution(key, machine_id=RUN),
            parent_key=RUN,
            parent_token="token",
            awaited_by="resource",
            map_run_arn="run",
            item_count=3,
            unlogged=True,
        )
        turns.append(replace(first_turn(key), new=new))
    await store.commit([*turns, first_turn(40, machine_id=RUN + 1), first_turn(50)])
    assert [row.new for row in await store.children(RUN, 0, 10)] == [turns[i].new for i in (1, 2, 0)]
    assert [row.new.key for row in await store.children(RUN, 10, 1)] == [20]
    assert [row.new.key for _, row in await store.list_executions(RUN, None, None, 10)] == [30, 20, 10]
