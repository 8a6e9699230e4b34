"""How the SQLite store commits: all that waits in one transaction, with statements that seek."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from threading import Event

import pytest
from msgspec.structs import replace

from stepwell.store.protocol import Answer, StoreError, TurnRecord
from stepwell.store.sqlite import catalog, executions, turn_sql, versions, waiting
from stepwell.store.sqlite.bulk import Bulk, below
from stepwell.store.sqlite.files import Files, open_files
from stepwell.store.sqlite.writer import Writer
from tests.store.samples import first_turn, running


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    opened = open_files(tmp_path / "store.db")
    yield opened
    opened.close()


@asynccontextmanager
async def one_group(writer: Writer) -> AsyncIterator[None]:
    """What is queued in the block waits for the writer at the end of it, and so makes one group."""
    busy, go_on = Event(), Event()

    def occupy(_: sqlite3.Connection) -> None:
        busy.set()
        go_on.wait()

    occupied = asyncio.create_task(writer.write(occupy))
    await asyncio.to_thread(busy.wait)
    yield
    await asyncio.sleep(0)
    go_on.set()
    await occupied


class TestGroups:
    async def test_all_that_waits_goes_into_one_transaction(self, files: Files) -> None:
        writer = Writer(files.writer, files.path, files.anchor)
        await writer.commit([first_turn(1)])
        statements: list[str] = []
        async with one_group(writer):
            files.writer.set_trace_callback(statements.append)
            calls = [
                *[asyncio.create_task(writer.commit([first_turn(key)])) for key in range(2, 100)],
                asyncio.create_task(writer.commit([TurnRecord(key=1, version=2, change=running())])),
            ]
            small = asyncio.create_task(writer.write(partial(catalog.put_definition, hash_="h", text="t")))
        assert {tuple(await call) for call in calls} == {(Answer.ACCEPTED,)}
        await small
        names = [statement.split()[0] for statement in statements if statement != "COMMIT"]
        # A check; executions, their progress, the progress of the first one, history; the small write.
        assert names == ["BEGIN", "SELECT", "INSERT", "INSERT", "UPDATE", "INSERT", "INSERT"]
        assert statements.count("COMMIT") == 2  # that of the group, and that of what kept the writer busy
        await writer.close()

    async def test_what_cannot_be_stored_fails_alone(self, files: Files) -> None:
        writer = Writer(files.writer, files.path, files.anchor)
        async with one_group(writer):
            good = asyncio.create_task(writer.commit([first_turn(1)]))
            bad = asyncio.create_task(writer.commit([replace(first_turn(2), payloads={b"h": "\ud800"})]))
            late = asyncio.create_task(writer.commit([first_turn(3)]))
        assert list(await good) == list(await late) == [Answer.ACCEPTED]
        with pytest.raises(StoreError, match="surrogates not allowed"):
            await bad
        assert executions.load(files.reader, 2) is None
        await writer.close()

    async def test_small_writes_that_raise_fail_alone(self, files: Files) -> None:
        writer = Writer(files.writer, files.path, files.anchor)

        def fail(connection: sqlite3.Connection) -> None:
            catalog.put_definition(connection, "half", "written")
            raise ValueError("no")

        async with one_group(writer):
            bad = asyncio.create_task(writer.write(fail))
            good = asyncio.create_task(writer.write(partial(catalog.put_definition, hash_="h", text="t")))
        await good
        with pytest.raises(StoreError, match="no"):
            await bad
        assert catalog.definition(files.reader, "h") == "t"
        assert catalog.definition(files.reader, "half") is None
        await writer.close()

    async def test_turns_that_change_nothing_listed_leave_the_listing_indexes_alone(self, files: Files) -> None:
        writer = Writer(files.writer, files.path, files.anchor)
        await writer.commit([first_turn(1)])
        statements: list[str] = []
        files.writer.set_trace_callback(statements.append)
        await writer.commit([TurnRecord(key=1, version=2, change=running())])
        updates = [statement for statement in statements if "UPDATE progress" in statement]
        assert len(updates) == 1
        assert "listed_at" not in updates[0]
        await writer.close()

    async def test_a_group_may_be_larger_than_a_statement(self, files: Files) -> None:
        writer = Writer(files.writer, files.path, files.anchor)
        answers = await writer.commit([first_turn(key) for key in range(1, 1001)])
        assert set(answers) == {Answer.ACCEPTED}
        assert len(executions.running(files.reader, 0, 2000)) == 1000
        await writer.close()


def statements() -> Iterator[tuple[str, str]]:
    """Every statement of the package that reads or changes rows, with its name."""
    for module in (turn_sql, executions, waiting, catalog, versions):
        for name, value in vars(module).items():
            text = value.text(4) if isinstance(value, Bulk) else value
            if isinstance(text, str) and re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE)\s", text):
                yield f"{module.__name__.rpartition('.')[2]}.{name.strip('_').lower()}", text


STATEMENTS = dict(statements())


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_seeks_and_neither_scans_nor_sorts(name: str, files: Files) -> None:
    text = STATEMENTS[name]
    parameters = {"key": 1, "low": 1, "high": 1} if ":key" in text else [None] * text.count("?")
    plan = [row[3] for row in files.reader.execute(f"EXPLAIN QUERY PLAN {text}", parameters)]
    # What a statement brings along itself may be scanned: the rows of its VALUES (v, or a subquery), a JSON array.
    own = re.compile(r"SCAN (v|\(subquery-\d+\)|\d+ CONSTANT ROWS|CONSTANT ROW|json_each.*)$")
    assert [step for step in plan if step.startswith("SCAN") and not own.match(step)] == []
    assert [step for step in plan if "TEMP B-TREE" in step] == []


class TestBulk:
    @pytest.mark.parametrize("rows", [0, 1, 2, 3, 64, 65, 255, 256, 257, 1000])
    def test_every_row_is_written_once(self, rows: int) -> None:
        connection = sqlite3.connect(":memory:")
        connection.execute("CREATE TABLE t (a, b)")
        insert = Bulk(2, "INSERT INTO t SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL")
        insert.write(connection, [(number, None) for number in range(rows)])
        assert connection.execute("SELECT a FROM t ORDER BY a").fetchall() == [(number,) for number in range(rows)]

    @pytest.mark.parametrize(
        ("prefix", "inside"), [("5.", True), ("5", True), ("", True), ("5.1/", False), ("6", False)]
    )
    def test_a_range_holds_what_begins_with_the_prefix(self, prefix: str, inside: bool) -> None:
        low, high = below(prefix)
        assert (low <= "5.0/" < high) is inside
