"""Items become the inputs of children: one each, or in batches that are bounded by items and by bytes."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from stepwell.engine.map_run.batches import Batch, Batches
from stepwell.engine.map_run.data_set import Item
from stepwell.engine.map_run.order import Batcher


def batches(most_items: int = 20_000, most_bytes: int = 262_144, head: str = '{"Items":[') -> Batches:
    order: Any = SimpleNamespace(batcher=Batcher(most_items, most_bytes, head), selects=False)
    return Batches(order, 0)


def given(*values: Any) -> list[Item]:
    return [Item(value, place) for place, value in enumerate(values, 1)]


def test_an_item_without_a_batcher_is_an_input_of_its_own() -> None:
    order: Any = SimpleNamespace(batcher=None, selects=False)
    alone = Batches(order, 0)
    alone.add(given({"a": 1}, "b"), 0)
    assert alone.take(9) == [Batch('{"a":1}', 1, 1), Batch('"b"', 1, 2)]


def test_a_batch_is_ready_once_it_is_full_and_the_last_one_at_the_end() -> None:
    pairs = batches(most_items=2)
    pairs.add(given(1, 2, 3), 0)
    assert pairs.take(9) == [Batch('{"Items":[1,2]}', 2, 2)]
    assert not pairs.is_empty
    pairs.close()
    assert pairs.take(9) == [Batch('{"Items":[3]}', 1, 3)]
    assert pairs.is_empty


def test_what_batches_share_stands_before_their_items() -> None:
    shared = batches(most_items=1, head='{"BatchInput":{"x":1},"Items":[')
    shared.add(given("é"), 0)
    assert json.loads(shared.take(1)[0].input) == {"BatchInput": {"x": 1}, "Items": ["é"]}


@pytest.mark.parametrize("item", ["x" * 96, "é" * 48], ids=["ASCII", "UTF-8"])
def test_no_batch_has_more_bytes_than_it_may(item: str) -> None:
    """An item takes 98 bytes and its comma, what stands around it 12: three make 309."""
    bounded = batches(most_bytes=400)
    bounded.add(given(*[item] * 7), 0)
    bounded.close()
    found = bounded.take(9)
    assert [batch.items for batch in found] == [3, 3, 1]
    assert max(len(batch.input.encode()) for batch in found) <= 400


def test_few_are_taken_at_once_where_they_are_large() -> None:
    large = batches(most_items=1)
    large.add(given(*["x" * 250_000] * 20), 0)
    assert len(large.take(100)) == 9
    assert large.size == 11 * 250_014
