"""Sealed values come with the start that they were taken out of, and go with the last execution that may open them."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from stepwell.store.open import open_store
from stepwell.store.protocol import Answer, ExecutionChange, Store, TurnRecord
from stepwell.store.vault import DESTROY, SealedValue, VaultChange
from tests.store.samples import first_turn, machine, running, succeeded

VALUE = SealedValue(id="a", path="$.token", since=1, box=b"box", ends=9, refresher="Refresh", lifetime=8)


def starting(key: int, brand: str = "brand", *values: SealedValue) -> TurnRecord:
    return replace(first_turn(key), vault=VaultChange(brand=brand, values=values, digest=b"digest"))


def ending(key: int, until: int, version: int = 2, brand: str = "brand") -> TurnRecord:
    change = succeeded(5) if until == DESTROY else ExecutionChange(status="FAILED", last_event_id=2, stop_date=5)
    return TurnRecord(key=key, version=version, change=change, vault=VaultChange(brand=brand, until=until))


async def accept(store: Store, *turns: TurnRecord) -> None:
    assert list(await store.commit(turns)) == [Answer.ACCEPTED] * len(turns)


async def test_values_come_with_the_start_and_are_read_back_as_they_were(store: Store) -> None:
    assert not await store.vault.is_used()
    await accept(store, starting(1, "brand", VALUE))
    assert await store.vault.is_used()
    assert await store.vault.values("brand") == [VALUE]
    assert await store.vault.values("other") == []
    assert (await store.vault.brand(1), await store.vault.brand(2)) == ("brand", None)
    assert (await store.vault.digest(1), await store.vault.digest(2)) == (b"digest", None)
    loaded = await store.load_execution(1)
    assert loaded is not None
    assert loaded.row.new.brand == "brand"


async def test_a_refused_start_keeps_no_value(store: Store) -> None:
    await accept(store, starting(1, "brand", VALUE))
    again = replace(starting(2, "other", VALUE), new=starting(1).new)
    assert await store.commit([again]) == [Answer.EXISTS]
    assert await store.vault.values("other") == []


async def test_success_destroys_values_in_its_own_commit(store: Store) -> None:
    await accept(store, starting(1, "brand", VALUE), ending(1, DESTROY))
    assert await store.vault.values("brand") == []
    assert not await store.vault.is_used()


async def test_values_stay_while_another_execution_may_open_them(store: Store) -> None:
    await accept(store, starting(1, "brand", VALUE), starting(2))
    await accept(store, ending(1, DESTROY))
    assert await store.vault.values("brand") == [VALUE]
    await accept(store, ending(2, DESTROY))
    assert await store.vault.values("brand") == []


async def test_values_of_a_failed_execution_are_destroyed_when_their_time_has_come(store: Store) -> None:
    await accept(store, starting(1, "brand", VALUE), ending(1, 1000))
    assert await store.vault.destroy_due(999, 10) == 0
    assert await store.vault.values("brand") == [VALUE]
    assert await store.vault.destroy_due(1000, 10) == 1
    assert await store.vault.values("brand") == []


async def test_a_redriven_execution_keeps_its_values(store: Store) -> None:
    await accept(store, starting(1, "brand", VALUE), ending(1, 1000))
    await accept(store, TurnRecord(key=1, version=3, change=running(), vault=VaultChange(brand="brand")))
    assert await store.vault.destroy_due(5000, 10) == 0
    assert await store.vault.values("brand") == [VALUE]
    assert await store.vault.digest(1) == b"digest"


async def test_values_go_with_a_deleted_execution(store: Store) -> None:
    await accept(store, starting(1, "brand", VALUE))
    await store.delete_execution(1)
    assert await store.vault.values("brand") == []


async def test_a_value_is_replaced_under_the_same_id(store: Store) -> None:
    await accept(store, starting(1, "brand", VALUE))
    fresh = replace(VALUE, since=2, ends=20, box=b"fresh")
    assert await store.vault.replace("brand", fresh)
    assert await store.vault.values("brand") == [fresh]
    assert not await store.vault.replace("brand", replace(fresh, id="gone"))


@pytest.mark.parametrize("size", [100, 20_000])
async def test_what_is_destroyed_is_no_longer_in_the_file(tmp_path: Path, size: int) -> None:
    path, box = tmp_path / "store.db", b"\xfe\xed" * (size // 2)
    store = await open_store(str(path))
    await accept(store, starting(1, "brand", replace(VALUE, box=box)))
    await store.close()
    assert box[:50] in path.read_bytes()
    store = await open_store(str(path))
    await accept(store, ending(1, DESTROY))
    await store.close()
    assert b"\xfe\xed" * 25 not in path.read_bytes()


async def test_wrapped_keys_are_read_back_newest_first(store: Store) -> None:
    await store.vault.add_wrapped_key(b"old")
    await store.vault.add_wrapped_key(b"new")
    assert await store.vault.wrapped_keys() == [b"new", b"old"]


async def test_a_machine_is_read_with_its_tag_for_secrets(store: Store) -> None:
    made = await store.create_machine(machine("Marked"), "{}", {"stepwell:sensitive": "token"})
    assert made is not None
    plain = await store.create_machine(machine("Plain"), "{}", {"other": "x"})
    assert plain is not None
    found = await store.find_machine(made.arn)
    assert found is not None
    assert found.sensitive == "token"
    assert [each.sensitive for each in await store.list_machines("arn:", None, 10)] == ["token", None]
    await store.set_tags(made.arn, {"stepwell:sensitive": "other"}, (), 50)
    assert await store.update_machine(replace(found, role_arn="r"), None)
    found = await store.find_machine(made.arn)
    assert found is not None
    assert found.sensitive == "other"
