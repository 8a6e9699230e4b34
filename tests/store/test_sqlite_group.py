"""How the SQLite store commits: all that waits in one transaction, with statements that seek."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepwell.store.protocol import Answer, TurnRecord
from stepwell.store.sqlite import catalog, executions, turn_sql, waiting
from stepwell.store.sqlite.bulk import Bulk, below
from stepwell.store.sqlite.files import Files, open_files
from stepwell.store.sqlite.store import SqliteStore
from tests.store.samples import first_turn, machine, running


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return open_files(tmp_path / "store.db")


class TestGroups:
    async def test_all_that_waits_goes_into_one_transaction(self, files: Files) -> None:
        statements: list[str] = []
        files.writer.set_trace_callback(statements.append)
        store = SqliteStore(files, lambda: None)
        hold = asyncio.create_task(store.commit([first_turn(1)]))
        await hold
        statements.clear()
        await asyncio.gather(
            *[store.commit([first_turn(key)]) for key in range(2, 100)],
            store.commit([TurnRecord(key=1, version=2, change=running())]),
            store.create_machine(machine("Orders"), "d", {}),
            store.set_tags("arn", {"a": "1"}, [], 50),
        )
        # The writer may begin with the first call before the others are queued: the rest is its second group.
        assert statements.count("COMMIT") <= 2
        assert len(statements) < 40
        await store.close()

    async def test_turns_that_change_nothing_listed_leave_the_listing_indexes_alone(self, files: Files) -> None:
        statements: list[str] = []
        store = SqliteStore(files, lambda: None)
        await store.commit([first_turn(1)])
        files.writer.set_trace_callback(statements.append)
        await store.commit([TurnRecord(key=1, version=2, change=running())])
        updates = [statement for statement in statements if "UPDATE progress" in statement]
        assert len(updates) == 1
        assert "listed_at" not in updates[0]
        await store.close()

    async def test_a_group_may_be_larger_than_a_statement(self, files: Files) -> None:
        store = SqliteStore(files, lambda: None)
        answers = await store.commit([first_turn(key) for key in range(1, 1001)])
        assert set(answers) == {Answer.ACCEPTED}
        assert len(await store.running_executions(0, 2000)) == 1000
        await store.close()


def statements() -> Iterator[tuple[str, str]]:
    """Every statement of the package that reads or changes rows, with its name."""
    for module in (turn_sql, executions, waiting, catalog):
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
    files.close()
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
