"""Log lines on their way to the store: in batches, bounded, never waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from stepwell.api.context import real_now
from stepwell.api.logs.chunks import LogEvent, unpack
from stepwell.api.logs.keeper import Limits, LogKeeper
from stepwell.api.logs.pattern import PatternFault, compile_pattern
from stepwell.store.logs import LogChunk
from stepwell.store.open import open_store
from stepwell.store.protocol import Store, StoreFull
from stepwell.tasks.logs import FunctionLogLine, LogRing
from tests.patience import PATIENCE

LIMITS = Limits(days=7, size=10**9)


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    opened = await open_store(":memory:")
    yield opened
    await opened.close()


async def kept(store: Store, group: str = "/aws/lambda/f") -> list[LogEvent]:
    chunks = await store.logs.forward(group, None, (0, 2**62), 0, 100_000)
    return [event for chunk in chunks for event in unpack(chunk)]


def line(message: str) -> FunctionLogLine:
    return FunctionLogLine("f", "request", 5, message, "execution", "stream")


async def test_lines_are_back_in_memory_for_the_next_server(store: Store) -> None:
    keeper, ring = LogKeeper(store.logs, LIMITS), LogRing()
    ring.keep = keeper.keep_line
    for n in range(100):
        ring(line(f"line {n}"))
    keeper.start()
    await keeper.stop()
    other = LogRing()
    await LogKeeper(store.logs, LIMITS).restore(other)
    assert list(other.newest("f")) == list(ring.newest("f"))
    other(line("new"))
    assert [found.message for found in other.lines("f")][-2:] == ["line 99", "new"]
    assert other.lines("f")[0] == line("line 0")


async def test_a_flood_is_cut_and_how_much_is_missing_is_said(store: Store) -> None:
    keeper, ring = LogKeeper(store.logs, LIMITS), LogRing()
    ring.keep = keeper.keep_line
    for _ in range(20_000):  # 20 MB, and nothing is awaited between
        ring(line("x" * 1_000))
    keeper.start()
    await keeper.stop()
    events = await kept(store)
    (said,) = [event.message for event in events if event.message.startswith("[stepwell]")]
    assert int(said.split()[1]) + len(events) - 1 == 20_000
    assert 5_000 < len(events) < 10_000
    assert [event.place for event in events] == sorted(event.place for event in events)


async def test_lines_that_the_store_refuses_for_a_while_are_kept_later(store: Store) -> None:
    taken = asyncio.Event()

    class Full:
        refusals = 3

        async def append(self, chunks: Sequence[LogChunk], now: int) -> None:
            if self.refusals:
                self.refusals -= 1
                raise StoreFull("full")
            await store.logs.append(chunks, now)
            taken.set()

        def __getattr__(self, name: str) -> Any:
            return getattr(store.logs, name)

    keeper = LogKeeper(Full(), LIMITS)
    keeper.start()
    for n in range(5):
        keeper.keep("/g", "s", real_now(), f"line {n}")
    async with asyncio.timeout(PATIENCE):
        await taken.wait()
    await keeper.stop()
    assert [event.message for event in await kept(store, "/g")] == [f"line {n}" for n in range(5)]


@pytest.mark.parametrize(
    ("pattern", "line", "matches"),
    [
        ("", "anything", True),
        ("a b", "b then a", True),
        ("a b", "a alone", False),
        ('"a b"', "a b", True),
        ('"say \\"hi\\""', 'they say "hi"', True),
        ("-a", "b", True),
        ("?a ?b", "only b", True),
        ("?a ?b", "c", False),
        ('{ $.a = "x" }', '{"a": "x"}', True),
        ('{ $.a != "x" }', '{"a": "y"}', True),
        ('{ $.a != "x" }', "{}", False),
        ('{ $.a = "x*" && ($.n >= 3 || $.m NOT EXISTS) }', '{"a": "xy", "n": 1}', True),
        ('{ $.a = "x*" && ($.n >= 3 || $.m NOT EXISTS) }', '{"a": "xy", "n": 1, "m": 0}', False),
        ("{ $.a[1].b IS NULL }", '{"a": [0, {"b": null}]}', True),
        ("{ $.ok IS TRUE }", '{"ok": true}', True),
        ("{ $.n = 3 }", '{"n": 3.0}', True),
        ("{ $.n < 3 }", '{"n": "2"}', False),
        ("{ $.n = 3 }", "no JSON", False),
    ],
)
def test_a_pattern_picks_lines(pattern: str, line: str, matches: bool) -> None:
    assert compile_pattern(pattern)(line) is matches


@pytest.mark.parametrize("pattern", ["{ $.a", "{ $.a }", "{ $.a = }", "{ ($.a = 1 }", "{ $.a < x }", "[a, b]", "%x%"])
def test_a_pattern_that_is_not_understood_is_refused(pattern: str) -> None:
    with pytest.raises(PatternFault):
        compile_pattern(pattern)
