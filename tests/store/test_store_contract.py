"""What every store does, whatever keeps its rows: `stepwell/store/protocol.py`, proven on each backend."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from stepwell.store.open import open_store
from stepwell.store.protocol import (
    AliasRow,
    Answer,
    EffectRow,
    EventRecord,
    ExecutionChange,
    ListPosition,
    MachineRow,
    NewExecution,
    OutboxRow,
    Refusal,
    Route,
    Store,
    StoreError,
    TimerRow,
    TurnRecord,
    VersionRow,
)
from tests.store.samples import ACCOUNT, activity, first_turn, machine, new_execution, running, succeeded

ACCEPTED, STALE, EXISTS = Answer.ACCEPTED, Answer.STALE, Answer.EXISTS


async def accept(store: Store, *turns: TurnRecord) -> None:
    assert list(await store.commit(turns)) == [ACCEPTED] * len(turns)


class TestTurns:
    async def test_an_execution_is_read_back_as_it_was_written(self, store: Store) -> None:
        new = NewExecution(
            key=(1 << 62) + 5,
            arn="arn:e",
            machine_arn="arn:m",
            machine_id=7,
            name="näme",
            definition_hash="hash",
            revision_id="revision",
            role_arn="role",
            start_date=5,
            input=' {"a" : 1.00, "ü": "\\u00fc"} ',
            trace_header="trace",
            version_arn="version",
            alias_arn="alias",
            test_case="case",
            parent_key=3,
        )
        change = ExecutionChange(
            status="FAILED",
            last_event_id=9,
            clock=77,
            stop_date=6,
            output="{}",
            error="States.Timeout",
            cause="c" * 32768,
            redrive_count=2,
            redrive_date=8,
            data=b"\x00\xff",
        )
        await accept(store, TurnRecord(key=new.key, version=1, new=new, change=change))
        found = await store.find_execution("arn:e")
        assert found is not None
        assert (found.new, found.change, found.version) == (new, change, 1)
        assert await store.execution_key("arn:e") == new.key
        loaded = await store.load_execution(new.key)
        assert loaded is not None
        assert await store.execution_row(new.key) == loaded.row
        assert (loaded.row, loaded.frames, loaded.timers) == (found, {}, {})

    async def test_what_is_not_there_is_none(self, store: Store) -> None:
        assert await store.find_execution("arn:none") is None
        assert await store.execution_key("arn:none") is None
        assert await store.load_execution(1) is None
        assert await store.execution_row(1) is None
        assert await store.effect(1, 1) is None

    async def test_a_turn_replaces_the_changing_part_as_a_whole(self, store: Store) -> None:
        failed = ExecutionChange(status="FAILED", last_event_id=2, stop_date=9, error="E", cause="C", data=b"d")
        redriven = ExecutionChange(status="RUNNING", last_event_id=3, redrive_count=1, redrive_date=10)
        await accept(
            store,
            first_turn(1),
            TurnRecord(key=1, version=2, change=failed),
            TurnRecord(key=1, version=3, change=redriven),
        )
        loaded = await store.load_execution(1)
        assert loaded is not None
        assert loaded.row.change == redriven
        assert loaded.row.version == 3

    @pytest.mark.parametrize("version", [1, 2, 4])
    async def test_a_turn_built_on_another_version_is_stale(self, store: Store, version: int) -> None:
        await accept(store, first_turn(1), TurnRecord(key=1, version=2, change=running(2)))
        stale = TurnRecord(key=1, version=version, change=running(99), frames={"": b"no"})
        assert list(await store.commit([stale])) == [STALE]
        loaded = await store.load_execution(1)
        assert loaded is not None
        assert (loaded.row.version, loaded.row.change.last_event_id, loaded.frames) == (2, 2, {})

    async def test_a_turn_of_an_execution_that_is_not_there_is_stale(self, store: Store) -> None:
        assert list(await store.commit([TurnRecord(key=1, version=1, change=running())])) == [STALE]
        assert list(await store.commit([TurnRecord(key=1, version=2, change=running())])) == [STALE]

    async def test_a_start_whose_arn_is_taken_exists(self, store: Store) -> None:
        await accept(store, first_turn(1, name="same"))
        assert list(await store.commit([first_turn(2, name="same")])) == [EXISTS]
        assert await store.load_execution(2) is None
        assert await store.history(2, 1, 10, False) == []

    async def test_of_two_starts_with_one_arn_in_a_call_the_first_wins(self, store: Store) -> None:
        answers = await store.commit([first_turn(1, name="same"), first_turn(2, name="same"), first_turn(3)])
        assert list(answers) == [ACCEPTED, EXISTS, ACCEPTED]
        assert await store.execution_key(new_execution(1, name="same").arn) == 1

    async def test_a_start_whose_key_is_taken_is_stale(self, store: Store) -> None:
        await accept(store, first_turn(1))
        assert list(await store.commit([first_turn(1, name="other")])) == [STALE]

    async def test_a_refused_turn_never_harms_the_others(self, store: Store) -> None:
        await accept(store, first_turn(1), first_turn(2))
        answers = await store.commit(
            [
                TurnRecord(key=1, version=2, change=running(5)),
                TurnRecord(key=2, version=9, change=running(5)),
                first_turn(3, name="run-1"),
                first_turn(4),
            ]
        )
        assert list(answers) == [ACCEPTED, STALE, EXISTS, ACCEPTED]

    async def test_a_turn_whose_predecessor_in_the_call_was_refused_is_stale(self, store: Store) -> None:
        await accept(store, first_turn(1), TurnRecord(key=1, version=2, change=running(2)))
        answers = await store.commit(
            [TurnRecord(key=1, version=2, change=running(7)), TurnRecord(key=1, version=3, change=running(8))]
        )
        assert list(answers) == [STALE, STALE]
        answers = await store.commit([first_turn(9, name="run-1"), TurnRecord(key=9, version=2, change=running())])
        assert list(answers) == [EXISTS, STALE]

    async def test_turns_of_one_execution_follow_each_other_in_a_call(self, store: Store) -> None:
        await accept(
            store,
            replace(first_turn(1), frames={"": b"1", "1.0/": b"1"}, timers={"|wait": 1}, effects=[effect(1)]),
            TurnRecord(
                key=1,
                version=2,
                change=running(2),
                frames_removed=["1.0/"],
                frames={"": b"2", "2.0/": b"2"},
                timers_removed=["|wait"],
                effects_removed=[1],
                effects=[effect(2)],
            ),
            TurnRecord(
                key=1, version=3, change=running(3), frames_removed=["2."], frames={"1.0/": b"3"}, timers={"|wait": 3}
            ),
        )
        loaded = await store.load_execution(1)
        assert loaded is not None
        assert loaded.frames == {"": b"2", "1.0/": b"3"}
        assert loaded.timers == {"|wait": 3}
        assert await store.effect(1, 1) is None
        assert await store.effect(1, 2) == effect(2)

    async def test_turns_of_many_calls_are_all_answered(self, store: Store) -> None:
        answers = await asyncio.gather(*[store.commit([first_turn(key)]) for key in range(1, 700)])
        assert {tuple(a) for a in answers} == {(ACCEPTED,)}
        assert len(await store.running_executions(0, 1000)) == 699

    async def test_no_turns_are_committed_at_once(self, store: Store) -> None:
        assert list(await store.commit([])) == []

    async def test_long_texts_come_back_whole(self, store: Store) -> None:
        text = '"' + "é" * 131_072 + '"'
        new = replace(new_execution(1), input=text)
        await accept(
            store,
            TurnRecord(key=1, version=1, new=new, change=running()),
            TurnRecord(key=1, version=2, change=replace(succeeded(9), output=text)),
        )
        loaded = await store.load_execution(1)
        assert loaded is not None
        assert loaded.row.new.input == loaded.row.change.output == text

    async def test_what_was_accepted_is_there_after_opening_again(self, store_url: str) -> None:
        store = await open_store(store_url)
        await accept(store, replace(first_turn(1), frames={"": b"f"}, timers={"|wait": 5}))
        await store.close()
        store = await open_store(store_url)
        loaded = await store.load_execution(1)
        await store.close()
        assert loaded is not None
        assert (loaded.frames, loaded.timers) == ({"": b"f"}, {"|wait": 5})

    async def test_a_text_that_is_no_unicode_fails_its_own_call_only(self, store: Store) -> None:
        bad = replace(first_turn(1), payloads={b"hash": "\ud800"})
        outcomes = await asyncio.gather(
            store.commit([first_turn(2)]), store.commit([bad]), store.commit([first_turn(3)]), return_exceptions=True
        )
        assert outcomes[0] == [ACCEPTED]
        assert isinstance(outcomes[1], StoreError)
        assert outcomes[2] == [ACCEPTED]
        assert await store.load_execution(1) is None


def effect(id_: int, kind: str = "task", target: str = "lambda", path: str = "") -> EffectRow:
    return EffectRow(id_, kind, target, path, b"data")


TREE = ("", "5.0/", "5.0/17.3/", "5.1/", "5.10/", "51.0/", "6.0/")


class TestSubtrees:
    """A path begins with the paths of all frames above it, and ends with a slash."""

    @pytest.mark.parametrize(
        ("prefix", "left"),
        [
            ("5.0/", ["", "5.1/", "5.10/", "51.0/", "6.0/"]),
            ("5.1/", ["", "5.0/", "5.0/17.3/", "5.10/", "51.0/", "6.0/"]),
            ("5.", ["", "51.0/", "6.0/"]),
            ("7.", list(TREE)),
            ("", []),
        ],
    )
    async def test_a_prefix_removes_the_subtree_and_nothing_beside_it(
        self, store: Store, prefix: str, left: list[str]
    ) -> None:
        for key in (1, 2):
            await accept(
                store,
                replace(
                    first_turn(key),
                    frames=dict.fromkeys(TREE, b"frame"),
                    timers={f"{path}|wait": 1 for path in TREE},
                    effects=[effect(number, path=path) for number, path in enumerate(TREE)],
                ),
            )
        turn = TurnRecord(
            key=1,
            version=2,
            change=running(),
            frames_removed=[prefix],
            timers_removed_below=[prefix],
            effects_removed_below=[prefix],
        )
        await accept(store, turn)
        loaded, other = await store.load_execution(1), await store.load_execution(2)
        assert loaded is not None
        assert other is not None
        assert sorted(loaded.frames) == left
        assert sorted(name.partition("|")[0] for name in loaded.timers) == left
        waiting = await store.outbox("task", (-1, -1), 100)
        assert sorted(row.effect.path for row in waiting if row.key == 1) == left
        assert len(other.frames) == len(other.timers) == sum(row.key == 2 for row in waiting) == len(TREE)

    async def test_removals_come_before_additions(self, store: Store) -> None:
        await accept(
            store, replace(first_turn(1), frames={"": b"1", "5.0/": b"1"}, timers={"|wait": 1}, effects=[effect(1)])
        )
        turn = TurnRecord(
            key=1,
            version=2,
            change=running(),
            frames_removed=[""],
            frames={"": b"2"},
            timers_removed=["|wait"],
            timers_removed_below=[""],
            timers={"|wait": 2},
            effects_removed_below=[""],
            effects=[effect(2)],
        )
        await accept(store, turn)
        loaded = await store.load_execution(1)
        assert loaded is not None
        assert loaded.frames == {"": b"2"}
        assert loaded.timers == {"|wait": 2}
        assert await store.outbox("task", (0, 0), 10) == [OutboxRow(1, effect(2))]


class TestHistory:
    @pytest.fixture
    async def key(self, store: Store) -> int:
        """An execution with the records 1-2, 3-3, 4-8, 9-10."""
        await accept(
            store,
            replace(first_turn(1), events=EventRecord(1, 2, b"a")),
            TurnRecord(key=1, version=2, change=running(), events=EventRecord(3, 3, b"b")),
            TurnRecord(key=1, version=3, change=running()),
            TurnRecord(key=1, version=4, change=running(), events=EventRecord(4, 8, b"c")),
            TurnRecord(key=1, version=5, change=running(), events=EventRecord(9, 10, b"d")),
        )
        return 1

    @pytest.mark.parametrize(
        ("from_id", "limit", "found"),
        [
            (1, 10, "abcd"),
            (1, 2, "a"),
            (1, 3, "ab"),
            (2, 1, "a"),
            (2, 3, "abc"),
            (6, 1, "c"),
            (8, 2, "cd"),
            (10, 100, "d"),
            (11, 5, ""),
            (1, 0, ""),
        ],
    )
    async def test_forward_the_records_hold_the_events_asked_for(
        self, store: Store, key: int, from_id: int, limit: int, found: str
    ) -> None:
        records = await store.history(key, from_id, limit, False)
        assert "".join(record.data.decode() for record in records) == found

    @pytest.mark.parametrize(
        ("from_id", "limit", "found"),
        [
            (10, 10, "dcba"),
            (10, 2, "d"),
            (10, 3, "dc"),
            (4, 1, "c"),
            (4, 2, "cb"),
            (1, 5, "a"),
            (0, 5, ""),
            ((1 << 63) - 1, 3, "dc"),
        ],
    )
    async def test_in_reverse_they_come_downwards(
        self, store: Store, key: int, from_id: int, limit: int, found: str
    ) -> None:
        records = await store.history(key, from_id, limit, True)
        assert "".join(record.data.decode() for record in records) == found

    async def test_a_record_tells_its_first_and_last_id(self, store: Store, key: int) -> None:
        assert list(await store.history(key, 5, 1, False)) == [EventRecord(4, 8, b"c")]

    async def test_an_execution_without_history_has_none(self, store: Store) -> None:
        assert list(await store.history(404, 1, 10, False)) == []
        assert list(await store.history(404, 1, 10, True)) == []

    async def test_payloads_are_kept_once_an_execution(self, store: Store) -> None:
        await accept(
            store,
            replace(first_turn(1), payloads={b"h1": "one", b"h2": "two"}),
            TurnRecord(key=1, version=2, change=running(), payloads={b"h2": "two", b"h3": "three"}),
            replace(first_turn(2), payloads={b"h1": "uno"}),
        )
        assert await store.payloads(1, [b"h1", b"h2", b"h3", b"h4"]) == {b"h1": "one", b"h2": "two", b"h3": "three"}
        assert await store.payloads(2, [b"h1"]) == {b"h1": "uno"}
        assert await store.payloads(1, []) == {}


class TestTimers:
    async def test_due_timers_come_soonest_first(self, store: Store) -> None:
        await accept(
            store,
            replace(first_turn(1), timers={"|wait": 30, "|deadline": 10}),
            replace(first_turn(2), timers={"|wait": 20}),
            replace(first_turn(3), timers={"|wait": 31}),
        )
        due = [TimerRow(1, "|deadline", 10), TimerRow(2, "|wait", 20), TimerRow(1, "|wait", 30)]
        assert list(await store.due_timers(30, 10)) == due
        assert list(await store.due_timers(30, 2)) == due[:2]
        assert list(await store.due_timers(9, 10)) == []

    async def test_the_next_timer_is_the_first_that_is_later(self, store: Store) -> None:
        await accept(store, replace(first_turn(1), timers={"|wait": 30, "|deadline": 10}))
        assert [await store.next_timer(after) for after in (0, 10, 29, 30)] == [10, 30, 30, None]

    async def test_timers_on_a_virtual_clock_are_loaded_but_never_due(self, store: Store) -> None:
        await accept(store, replace(first_turn(1), timers={"|wait": 10}, virtual_timers=True))
        assert list(await store.due_timers(1000, 10)) == []
        assert await store.next_timer(0) is None
        loaded = await store.load_execution(1)
        assert loaded is not None
        assert loaded.timers == {"|wait": 10}

    async def test_a_timer_of_a_known_name_is_replaced(self, store: Store) -> None:
        await accept(store, replace(first_turn(1), timers={"|wait": 10}))
        await accept(store, TurnRecord(key=1, version=2, change=running(), timers={"|wait": 50}))
        assert list(await store.due_timers(1000, 10)) == [TimerRow(1, "|wait", 50)]

    async def test_exact_names_are_removed_exactly(self, store: Store) -> None:
        await accept(store, replace(first_turn(1), timers={"|wait": 10, "|wait2": 20, "1.0/|wait": 30}))
        await accept(store, TurnRecord(key=1, version=2, change=running(), timers_removed=["|wait", "|unknown"]))
        loaded = await store.load_execution(1)
        assert loaded is not None
        assert sorted(loaded.timers) == ["1.0/|wait", "|wait2"]


class TestOutbox:
    async def test_effects_of_a_kind_come_page_by_page(self, store: Store) -> None:
        await accept(
            store,
            replace(first_turn(2), effects=[effect(7), effect(9)]),
            replace(first_turn(1), effects=[effect(8), effect(9, kind="activity")]),
        )
        expected = [OutboxRow(1, effect(8)), OutboxRow(2, effect(7)), OutboxRow(2, effect(9))]
        assert list(await store.outbox("task", (0, 0), 10)) == expected
        assert list(await store.outbox("task", (0, 0), 2)) == expected[:2]
        assert list(await store.outbox("task", (2, 7), 10)) == expected[2:]
        assert list(await store.outbox("none", (0, 0), 10)) == []

    async def test_effects_of_a_target_come_oldest_first(self, store: Store) -> None:
        await accept(
            store,
            replace(first_turn(2), effects=[effect(3, "activity", "a"), effect(4, "activity", "b")]),
            replace(first_turn(1), effects=[effect(5, "activity", "a"), effect(6, "task", "a")]),
        )
        found = await store.outbox_of("activity", "a", 10)
        assert [(row.key, row.effect.id) for row in found] == [(1, 5), (2, 3)]
        assert len(await store.outbox_of("activity", "a", 1)) == 1

    async def test_a_removed_effect_is_gone(self, store: Store) -> None:
        await accept(store, replace(first_turn(1), effects=[effect(3), effect(4)]))
        await accept(store, TurnRecord(key=1, version=2, change=running(), effects_removed=[3, 99]))
        assert await store.effect(1, 3) is None
        assert await store.effect(1, 4) == effect(4)


class TestListings:
    @pytest.fixture
    async def positions(self, store: Store) -> list[ListPosition]:
        """Executions 1 to 5 of machine 1, of which 2 ended at 1500 and 3 at 900; newest first."""
        for key, start in ((1, 1000), (2, 1100), (3, 800), (4, 1200), (5, 1200)):
            await accept(store, first_turn(key, start_date=start))
        await accept(store, first_turn(6, machine_id=2))
        await accept(store, TurnRecord(key=2, version=2, change=succeeded(1500)))
        await accept(store, TurnRecord(key=3, version=2, change=succeeded(900)))
        return [ListPosition(*p) for p in ((1500, 2), (1200, 5), (1200, 4), (1000, 1), (900, 3))]

    async def test_the_newest_comes_first(self, store: Store, positions: list[ListPosition]) -> None:
        rows = await store.list_executions(1, None, None, 10)
        assert [position for position, _ in rows] == positions
        assert [row.new.key for _, row in rows] == [position.key for position in positions]

    async def test_a_listing_goes_on_behind_a_position(self, store: Store, positions: list[ListPosition]) -> None:
        for number, position in enumerate(positions):
            rows = await store.list_executions(1, None, position, 2)
            assert [p for p, _ in rows] == positions[number + 1 : number + 3]

    async def test_a_status_narrows_it_down(self, store: Store, positions: list[ListPosition]) -> None:
        rows = await store.list_executions(1, "SUCCEEDED", None, 10)
        assert [position.key for position, _ in rows] == [2, 3]
        rows = await store.list_executions(1, "RUNNING", positions[1], 10)
        assert [position.key for position, _ in rows] == [4, 1]
        assert await store.has_executions(1, "RUNNING")
        assert not await store.has_executions(3, "RUNNING")

    async def test_rows_of_a_listing_carry_no_input_and_no_output(
        self, store: Store, positions: list[ListPosition]
    ) -> None:
        rows = await store.list_executions(1, "SUCCEEDED", None, 1)
        assert (rows[0][1].new.input, rows[0][1].change.output) == ("", None)
        assert rows[0][1].change.stop_date == 1500

    async def test_a_redriven_execution_is_listed_by_its_start_again(
        self, store: Store, positions: list[ListPosition]
    ) -> None:
        await accept(store, TurnRecord(key=2, version=3, change=running()))
        rows = await store.list_executions(1, "RUNNING", None, 10)
        assert [position.key for position, _ in rows] == [5, 4, 2, 1]

    async def test_running_executions_come_in_order_of_their_keys(
        self, store: Store, positions: list[ListPosition]
    ) -> None:
        assert list(await store.running_executions(0, 10)) == [1, 4, 5, 6]
        assert list(await store.running_executions(1, 2)) == [4, 5]

    async def test_a_deleted_execution_leaves_nothing(self, store: Store) -> None:
        whole = replace(
            first_turn(1), frames={"": b"f"}, timers={"|wait": 1}, effects=[effect(1)], payloads={b"h": "text"}
        )
        await accept(store, whole, first_turn(2))
        await store.delete_execution(1)
        assert await store.find_execution(new_execution(1).arn) is None
        assert await store.load_execution(1) is None
        assert list(await store.history(1, 1, 10, False)) == []
        assert await store.payloads(1, [b"h"]) == {}
        assert list(await store.due_timers(100, 10)) == []
        assert list(await store.outbox("task", (0, 0), 10)) == []
        assert list(await store.running_executions(0, 10)) == [2]
        await accept(store, whole)  # the name is free again


class TestMachines:
    async def test_a_machine_gets_an_id_and_is_read_back(self, store: Store) -> None:
        created = await store.create_machine(machine("Orders"), "{definition}", {"team": "a"})
        assert created is not None
        assert created == replace(machine("Orders"), id=created.id)
        assert created.id > 0
        assert await store.find_machine(created.arn) == created
        assert await store.definition(created.definition_hash) == "{definition}"
        assert await store.tags(created.arn) == {"team": "a"}

    async def test_an_arn_that_is_taken_writes_nothing(self, store: Store) -> None:
        created = await store.create_machine(machine("Orders"), "one", {})
        again = replace(machine("Orders"), definition_hash="other")
        assert await store.create_machine(again, "two", {"team": "b"}) is None
        assert created is not None
        assert await store.find_machine(created.arn) == created
        assert await store.definition("other") is None
        assert await store.tags(created.arn) == {}

    async def test_an_update_replaces_the_row(self, store: Store) -> None:
        created = await store.create_machine(machine("Orders"), "one", {})
        assert created is not None
        updated = replace(created, definition_hash="h2", status="DELETING", update_date=5, revision_id="r2")
        assert await store.update_machine(updated, "two")
        assert await store.find_machine(created.arn) == updated
        assert await store.definition("h2") == "two"
        assert await store.update_machine(replace(updated, role_arn="role"), None)

    async def test_an_update_of_a_machine_that_is_gone_is_refused(self, store: Store) -> None:
        created = await store.create_machine(machine("Orders"), "one", {"team": "a"})
        assert created is not None
        await store.delete_machine(created.id)
        assert not await store.update_machine(replace(created, definition_hash="h2"), "two")
        assert await store.definition("h2") is None
        assert await store.find_machine(created.arn) is None
        assert await store.tags(created.arn) == {}

    async def test_a_machine_made_anew_has_another_id(self, store: Store) -> None:
        first = await store.create_machine(machine("Orders"), "one", {})
        assert first is not None
        await accept(store, first_turn(1, machine_id=first.id))
        await store.delete_machine(first.id)
        second = await store.create_machine(machine("Orders"), "one", {})
        assert second is not None
        assert second.id != first.id
        assert list(await store.list_executions(second.id, None, None, 10)) == []
        assert len(await store.list_executions(first.id, None, None, 10)) == 1

    async def test_a_machine_that_is_being_deleted_does_not_come_back(self, store: Store) -> None:
        created = await store.create_machine(machine("Orders"), "one", {})
        await store.create_machine(machine("Other"), "one", {})
        assert created is not None
        deleting = replace(created, status="DELETING")
        assert await store.update_machine(deleting, None)
        assert not await store.update_machine(replace(created, role_arn="role"), None)
        assert await store.update_machine(deleting, None)
        assert await store.find_machine(created.arn) == deleting
        assert list(await store.deleting_machines()) == [created.id]

    async def test_every_revision_stays_also_when_the_machine_is_gone(self, store: Store) -> None:
        created = await store.create_machine(machine("Orders"), "one", {})
        assert created is not None
        updated = replace(created, definition_hash="h2", update_date=5, revision_id="r2")
        await store.update_machine(updated, "two")
        await store.update_machine(replace(updated, status="DELETING"), None)
        await store.delete_machine(created.id)
        first, second = await store.find_revision(created.id, "r1"), await store.find_revision(created.id, "r2")
        assert first is not None
        assert (first.definition_hash, first.update_date) == (created.definition_hash, 1000)
        assert second == replace(first, id="r2", definition_hash="h2", update_date=5)
        assert await store.find_revision(created.id, "r3") is None

    async def test_machines_are_listed_oldest_first_a_region_and_account(self, store: Store) -> None:
        other = "arn:aws:states:eu-west-1:123456789012:"
        for row in (machine("B", 2000), machine("A", 2000), machine("C", 1000), machine("X", 1, other)):
            await store.create_machine(row, "d", {})
        found = await store.list_machines(ACCOUNT, None, 10)
        assert [row.name for row in found] == ["C", "B", "A"]
        behind = ListPosition(found[0].creation_date, found[0].id)
        assert [row.name for row in await store.list_machines(ACCOUNT, behind, 1)] == ["B"]
        assert [row.name for row in await store.list_machines(other, None, 10)] == ["X"]

    async def test_a_definition_is_kept_by_its_hash(self, store: Store) -> None:
        await store.put_definition("h", "text")
        await store.put_definition("h", "text")
        assert await store.definition("h") == "text"
        assert await store.definition("none") is None


class TestActivities:
    async def test_an_activity_is_created_once(self, store: Store) -> None:
        assert await store.create_activity(activity("Pick"), {"team": "a"})
        assert not await store.create_activity(activity("Pick", 5), {"team": "b"})
        assert await store.find_activity(activity("Pick").arn) == activity("Pick")
        assert await store.tags(activity("Pick").arn) == {"team": "a"}

    async def test_a_deleted_activity_is_gone_with_its_tags(self, store: Store) -> None:
        await store.create_activity(activity("Pick"), {"team": "a"})
        await store.delete_activity(activity("Pick").arn)
        assert await store.find_activity(activity("Pick").arn) is None
        assert await store.tags(activity("Pick").arn) == {}

    async def test_activities_are_listed_oldest_first(self, store: Store) -> None:
        other = "arn:aws:states:eu-west-1:123456789012:"
        for row in (activity("B", 2000), activity("A", 2000), activity("C", 1000), activity("X", 1, other)):
            await store.create_activity(row, {})
        assert [row.name for row in await store.list_activities(ACCOUNT, None, 10)] == ["C", "A", "B"]
        assert [row.name for row in await store.list_activities(ACCOUNT, (2000, "A"), 10)] == ["B"]
        assert [row.name for row in await store.list_activities(ACCOUNT, None, 1)] == ["C"]


@pytest.fixture
async def orders(store: Store) -> MachineRow:
    """A machine at revision r1."""
    made = await store.create_machine(machine("Orders"), "one", {})
    assert made is not None
    return made


async def publish(store: Store, row: MachineRow, revision: str, limit: int = 10) -> VersionRow | Refusal:
    """Bring the machine to a revision and publish that."""
    await store.update_machine(replace(row, revision_id=revision), None)
    return await store.publish_version(row.id, revision, None, 2000, limit)


def alias(row: MachineRow, name: str, *versions: int, creation_date: int = 3000) -> AliasRow:
    routes = tuple(Route(number, 100 // len(versions)) for number in versions)
    return AliasRow(machine_id=row.id, name=name, routes=routes, creation_date=creation_date, update_date=creation_date)


class TestVersions:
    async def test_a_version_is_read_back(self, store: Store, orders: MachineRow) -> None:
        made = await store.publish_version(orders.id, "r1", "first", 2000, 10)
        assert made == VersionRow(
            machine_id=orders.id, number=1, revision_id="r1", creation_date=2000, description="first"
        )
        assert await store.find_version(orders.id, 1) == made
        assert await store.find_version(orders.id, 2) is None

    async def test_a_revision_is_published_once(self, store: Store, orders: MachineRow) -> None:
        made = await store.publish_version(orders.id, "r1", "first", 2000, 1)
        assert await store.publish_version(orders.id, "r1", "again", 3000, 1) == made

    async def test_only_the_present_revision_can_be_published(self, store: Store, orders: MachineRow) -> None:
        assert await store.publish_version(orders.id, "r0", None, 2000, 10) is Refusal.REVISED
        assert await store.publish_version(orders.id + 1, "r1", None, 2000, 10) is Refusal.GONE

    async def test_there_are_no_more_versions_than_allowed(self, store: Store, orders: MachineRow) -> None:
        await publish(store, orders, "r1", limit=1)
        assert await publish(store, orders, "r2", limit=1) is Refusal.FULL

    async def test_a_number_is_never_given_again(self, store: Store, orders: MachineRow) -> None:
        for revision in ("r1", "r2"):
            await publish(store, orders, revision)
        assert list(await store.delete_version(orders.id, 2)) == []
        assert list(await store.delete_version(orders.id, 2)) == []
        again = await store.publish_version(orders.id, "r2", None, 2000, 10)
        assert isinstance(again, VersionRow)
        assert again.number == 3

    async def test_versions_are_listed_newest_first(self, store: Store, orders: MachineRow) -> None:
        for revision in ("r1", "r2", "r3"):
            await publish(store, orders, revision)
        assert [row.number for row in await store.list_versions(orders.id, None, 10)] == [3, 2, 1]
        assert [row.number for row in await store.list_versions(orders.id, 3, 1)] == [2]
        assert list(await store.list_versions(orders.id + 1, None, 10)) == []

    async def test_executions_of_a_version_or_an_alias_are_listed_newest_first(self, store: Store) -> None:
        one, two, live = (f"{ACCOUNT}stateMachine:Orders:{name}" for name in ("1", "2", "live"))
        for key, version, alias_arn in ((1, one, None), (2, one, live), (3, two, live), (4, None, None)):
            turn = first_turn(key, start_date=1000 + key)
            assert turn.new is not None
            turn = replace(turn, new=replace(turn.new, version_arn=version, alias_arn=alias_arn))
            await accept(store, turn, TurnRecord(key=key, version=2, change=running()))
        await accept(store, TurnRecord(key=1, version=3, change=succeeded(5000)))

        async def keys(arn: str, status: str | None = None, after: ListPosition | None = None) -> list[int]:
            return [row.new.key for _, row in await store.list_executions(1, status, after, 10, arn)]

        assert await keys(one) == [1, 2]
        assert await keys(live) == [3, 2]
        assert await keys(one, "RUNNING") == [2]
        assert await keys(one, None, ListPosition(5000, 1)) == [2]
        found = await store.load_execution(2)
        assert found is not None
        assert (found.row.new.version_arn, found.row.new.alias_arn) == (one, live)


class TestAliases:
    async def test_an_alias_is_read_back_changed_and_deleted(self, store: Store, orders: MachineRow) -> None:
        for revision in ("r1", "r2"):
            await publish(store, orders, revision)
        made = await store.create_alias(alias(orders, "live", 1, 2), 10)
        assert isinstance(made, AliasRow)
        assert made == replace(alias(orders, "live", 1, 2), id=made.id)
        assert await store.find_alias(orders.id, "live") == made
        changed = replace(made, routes=(Route(2, 100),), update_date=4000, description="new")
        assert await store.update_alias(changed) is None
        assert await store.find_alias(orders.id, "live") == changed
        assert await store.delete_alias(orders.id, "live")
        assert not await store.delete_alias(orders.id, "live")
        assert await store.update_alias(changed) is Refusal.GONE

    async def test_a_name_that_is_taken_answers_who_has_it(self, store: Store, orders: MachineRow) -> None:
        await publish(store, orders, "r1")
        made = await store.create_alias(alias(orders, "live", 1), 1)
        assert await store.create_alias(alias(orders, "live", 1, creation_date=9000), 1) == made
        assert await store.create_alias(alias(orders, "other", 1), 1) is Refusal.FULL

    async def test_an_alias_names_no_version_that_is_not_there(self, store: Store, orders: MachineRow) -> None:
        await publish(store, orders, "r1")
        assert await store.create_alias(alias(orders, "live", 1, 2), 10) is Refusal.GONE
        made = await store.create_alias(alias(orders, "live", 1), 10)
        assert isinstance(made, AliasRow)
        assert await store.update_alias(replace(made, routes=(Route(2, 100),))) is Refusal.GONE
        assert await store.find_alias(orders.id, "live") == made

    async def test_a_version_that_aliases_name_stays(self, store: Store, orders: MachineRow) -> None:
        for revision in ("r1", "r2"):
            await publish(store, orders, revision)
        await store.create_alias(alias(orders, "b", 1, 2), 10)
        await store.create_alias(alias(orders, "a", 2, creation_date=4000), 10)
        assert list(await store.delete_version(orders.id, 2)) == ["b", "a"]
        assert await store.find_version(orders.id, 2) is not None

    async def test_aliases_are_listed_oldest_first(self, store: Store, orders: MachineRow) -> None:
        for revision in ("r1", "r2"):
            await publish(store, orders, revision)
        for name, version, date in (("c", 1, 3000), ("a", 1, 3000), ("b", 2, 2000)):
            await store.create_alias(alias(orders, name, version, creation_date=date), 10)
        found = await store.list_aliases(orders.id, None, None, 10)
        assert [row.name for row in found] == ["b", "c", "a"]
        behind = ListPosition(found[0].creation_date, found[0].id)
        assert [row.name for row in await store.list_aliases(orders.id, None, behind, 1)] == ["c"]
        assert [row.name for row in await store.list_aliases(orders.id, 1, None, 10)] == ["c", "a"]

    async def test_a_deleted_machine_takes_its_versions_and_aliases_along(
        self, store: Store, orders: MachineRow
    ) -> None:
        await publish(store, orders, "r1")
        await store.create_alias(alias(orders, "live", 1), 10)
        await store.delete_machine(orders.id)
        assert await store.find_version(orders.id, 1) is None
        assert await store.find_alias(orders.id, "live") is None


class TestTags:
    async def test_tags_are_set_and_removed_in_one_step(self, store: Store) -> None:
        assert await store.set_tags("arn", {"a": "1", "b": "2"}, [], 50)
        assert await store.set_tags("arn", {"b": "3", "c": "4"}, ["a", "unknown"], 50)
        assert await store.tags("arn") == {"b": "3", "c": "4"}
        assert await store.tags("other") == {}

    async def test_more_tags_than_allowed_write_nothing(self, store: Store) -> None:
        assert await store.set_tags("arn", {"a": "1", "b": "2"}, [], 2)
        assert not await store.set_tags("arn", {"b": "9", "c": "3"}, [], 2)
        assert await store.tags("arn") == {"a": "1", "b": "2"}
        assert await store.set_tags("arn", {"c": "3"}, ["a"], 2)


class TestTheStoreItself:
    async def test_a_secret_is_drawn_once(self, store_url: str) -> None:
        store = await open_store(store_url)
        first, again, other = await asyncio.gather(store.secret("a"), store.secret("a"), store.secret("b"))
        await store.close()
        assert len(first) == len(other) == 32
        assert first == again != other
        store = await open_store(store_url)
        assert await store.secret("a") == first
        await store.close()

    async def test_closing_finishes_what_is_under_way(self, store_url: str) -> None:
        store = await open_store(store_url)
        commits = [asyncio.create_task(store.commit([first_turn(key)])) for key in range(1, 20)]
        await asyncio.sleep(0)
        await store.close()
        assert {tuple(await commit) for commit in commits} == {(ACCEPTED,)}

    async def test_a_closed_store_refuses_and_may_be_closed_again(self, store_url: str) -> None:
        store = await open_store(store_url)
        await store.close()
        await store.close()
        with pytest.raises(StoreError, match="closed"):
            await store.commit([first_turn(1)])
        with pytest.raises(StoreError, match="closed"):
            await store.load_execution(1)

    async def test_a_caller_that_gives_up_harms_nobody(self, store: Store) -> None:
        commit = asyncio.create_task(store.commit([first_turn(1)]))
        await asyncio.sleep(0)
        commit.cancel()
        await accept(store, first_turn(2))
        assert await store.load_execution(2) is not None
