"""Opening an SQLite store: what is made, what is refused, and that nothing is harmed by it."""

# ruff: noqa: ASYNC240  # these tests look at small files

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

import stepwell
from stepwell.store.open import open_store
from stepwell.store.protocol import Answer, StoreBusy, StoreCorrupt, StoreError, StoreFull, StoreTooNew
from stepwell.store.sqlite import schema
from stepwell.store.sqlite.files import open_files
from tests.store.samples import first_turn

NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


async def make(path: Path, executions: int = 3) -> None:
    store = await open_store(str(path))
    await store.commit([first_turn(key) for key in range(1, executions + 1)])
    await store.close()


async def check_sound(path: Path) -> None:
    store = await open_store(str(path))
    assert list(await store.running_executions(0, 10)) == [1, 2, 3]
    await store.close()


class TestFiles:
    async def test_a_closed_store_is_one_file(self, path: Path) -> None:
        await make(path)
        assert list(path.parent.iterdir()) == [path]

    async def test_a_missing_folder_is_made(self, tmp_path: Path) -> None:
        await make(tmp_path / "data" / "store.db")
        assert (tmp_path / "data" / "store.db").exists()

    async def test_a_missing_folder_in_a_missing_folder_is_not(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match=f"the folder {tmp_path}/no does not exist"):
            await open_store(str(tmp_path / "no" / "data" / "store.db"))
        assert list(tmp_path.iterdir()) == []

    async def test_a_folder_is_no_store(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="is a folder"):
            await open_store(str(tmp_path))

    async def test_an_empty_file_becomes_a_store(self, path: Path) -> None:
        path.touch()
        await make(path)
        await check_sound(path)

    async def test_a_name_may_hold_what_means_something_in_a_url(self, tmp_path: Path) -> None:
        path = tmp_path / "50% of #1?.db"
        await make(path)
        assert list(tmp_path.iterdir()) == [path]


class TestAnotherServer:
    async def test_a_second_server_is_refused_at_once(self, path: Path) -> None:
        await make(path)
        first = await open_store(str(path))
        with pytest.raises(StoreBusy, match=f"store.db is open in another server.*process {os.getpid()}"):
            await open_store(str(path))
        assert list(await first.commit([first_turn(9)])) == [Answer.ACCEPTED]
        await first.close()
        await make(path, 0)

    async def test_so_is_one_in_another_process(self, path: Path) -> None:
        first = await open_store(str(path))
        code = f"import asyncio; from stepwell.store.open import open_store; asyncio.run(open_store({str(path)!r}))"
        root = Path(__file__).parents[2]
        second = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
        )
        await first.close()
        assert "StoreBusy" in second.stderr

    async def test_a_lock_file_that_was_left_behind_does_not_matter(self, path: Path) -> None:
        path.with_name("store.db.lock").write_text("12345\n")
        await make(path)
        assert list(path.parent.iterdir()) == [path]


class TestUnsoundFiles:
    async def refused(self, path: Path, kind: type[StoreError], match: str) -> None:
        before = path.read_bytes()
        with pytest.raises(kind, match=match) as caught:
            await open_store(str(path))
        assert str(path) in str(caught.value)
        assert path.read_bytes() == before
        assert not path.with_name("store.db.lock").exists()

    async def test_a_file_that_is_no_database_is_refused(self, path: Path) -> None:
        path.write_text("Dear diary, today I have\n" * 1000)
        await self.refused(path, StoreCorrupt, "does not begin as an SQLite database")

    async def test_a_file_with_only_the_beginning_of_a_database_is_refused(self, path: Path) -> None:
        path.write_bytes(b"SQLite format 3\x00" + b"\x07" * 8000)
        await self.refused(path, StoreCorrupt, "not a sound database")

    async def test_a_truncated_database_is_refused(self, path: Path) -> None:
        await make(path)
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size // 2)
        await self.refused(path, StoreCorrupt, "not a sound database")

    async def test_a_database_with_a_damaged_table_is_refused(self, path: Path) -> None:
        await make(path)
        connection = sqlite3.connect(path)
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'progress'").fetchone()
        connection.close()
        with path.open("r+b") as file:
            file.seek((page - 1) * 4096)
            file.write(b"\xaa" * 4096)
        await self.refused(path, StoreCorrupt, "not a sound database")

    async def test_a_database_that_was_not_closed_in_order_is_looked_through(self, path: Path) -> None:
        store = await open_store(str(path))
        await store.commit([first_turn(key) for key in range(1, 500)])
        left = path.with_name("left.db")
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{left}{suffix}")
        await store.close()
        connection = sqlite3.connect(path)
        (page,) = connection.execute("SELECT max(pageno) FROM dbstat WHERE name = 'history'").fetchone()
        connection.close()
        damaged = bytearray(path.read_bytes())
        damaged[(page - 1) * 4096 : page * 4096] = b"\xaa" * 4096
        path.write_bytes(damaged)
        path.with_name("store.db-wal").touch()
        with pytest.raises(StoreCorrupt, match="not a sound database"):
            await open_store(str(path))
        store = await open_store(str(left))
        assert len(await store.running_executions(0, 1000)) == 499
        await store.close()

    async def test_the_database_of_another_program_is_left_alone(self, path: Path) -> None:
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE recipes (name)")
        connection.commit()
        connection.close()
        await self.refused(path, StoreError, "another program")

    async def test_the_database_of_a_newer_stepwell_is_left_alone(self, path: Path) -> None:
        await make(path)
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA user_version = 900")
        connection.execute("UPDATE meta SET value = '12.5.0' WHERE name = 'migrated_by'")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        known = len(schema.migrations())
        newer = rf"version 900, made by Stepwell 12\.5\.0; this is Stepwell {stepwell.__version__}.* up to {known}\."
        await self.refused(path, StoreTooNew, newer)


@contextmanager
def without_rights() -> Iterator[None]:
    """As a user whom the permissions of files bind."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


class TestPermissions:
    @pytest.fixture
    def folder(self) -> Iterator[Path]:
        """A folder that everybody can reach and write to."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            folder.chmod(0o777)
            yield folder
            folder.chmod(0o777)

    async def test_a_folder_that_cannot_be_written_is_refused(self, folder: Path) -> None:
        await make(folder / "store.db")
        folder.chmod(0o555)
        with without_rights(), pytest.raises(StoreFull, match="folder of the database must be writable"):
            await open_store(str(folder / "store.db"))
        folder.chmod(0o777)
        await check_sound(folder / "store.db")

    async def test_a_new_folder_where_none_may_be_made_is_refused(self, folder: Path) -> None:
        folder.chmod(0o555)
        with without_rights(), pytest.raises(StoreError, match=f"{folder}/data is missing and cannot be made"):
            await open_store(str(folder / "data" / "store.db"))

    async def test_a_file_that_cannot_be_written_is_refused(self, folder: Path) -> None:
        path = folder / "store.db"
        await make(path)
        path.chmod(0o444)
        before = path.read_bytes()
        with without_rights(), pytest.raises(StoreFull, match=r"store\.db cannot be written"):
            await open_store(str(path))
        assert path.read_bytes() == before
        await check_sound(path)

    async def test_a_file_that_cannot_be_read_is_refused(self, folder: Path) -> None:
        path = folder / "store.db"
        await make(path)
        path.chmod(0o000)
        with without_rights(), pytest.raises(StoreError, match=r"store\.db"):
            await open_store(str(path))
        path.chmod(0o644)
        await check_sound(path)


class TestNames:
    async def test_a_url_names_an_absolute_path(self, tmp_path: Path) -> None:
        await (await open_store(f"sqlite:///{tmp_path}/a%20b.db")).close()
        assert [file.name for file in tmp_path.iterdir()] == ["a b.db"]

    async def test_a_url_or_a_path_may_be_relative(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        await (await open_store("sqlite:///one.db")).close()
        await (await open_store("two.db")).close()
        assert sorted(file.name for file in tmp_path.iterdir()) == ["one.db", "two.db"]

    @pytest.mark.parametrize("name", [":memory:", "sqlite:///:memory:"])
    async def test_a_store_in_memory_is_a_temporary_file(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        first, second = await open_store(name), await open_store(name)
        await first.commit([first_turn(1)])
        assert await second.load_execution(1) is None
        assert len(list(tmp_path.iterdir())) == 2
        await first.close()
        await second.close()
        assert list(tmp_path.iterdir()) == []

    def test_only_a_temporary_store_does_not_wait_for_the_disk(self, tmp_path: Path) -> None:
        for temporary, synchronous in (False, 2), (True, 0):
            opened = open_files(tmp_path / f"{temporary}.db", temporary)
            try:
                for connection in opened.writer, opened.checkpointer:
                    assert connection.execute("PRAGMA synchronous").fetchone() == (synchronous,)
            finally:
                opened.close()

    @pytest.mark.parametrize("name", ["postgresql://localhost/stepwell", "postgres://u:p@h/db"])
    async def test_postgresql_is_not_built_in_yet(self, name: str) -> None:
        with pytest.raises(StoreError, match="PostgreSQL is not built into this version"):
            await open_store(name)

    @pytest.mark.parametrize("name", ["", "sqlite://", "sqlite:///", "sqlite://host/file.db", "mysql://h/db", "a\0b"])
    async def test_a_name_of_nothing_is_refused(self, name: str) -> None:
        with pytest.raises(StoreError, match="names no"):
            await open_store(name)


class TestMigrations:
    def test_a_migration_is_never_changed(self) -> None:
        """Databases are about that have carried it out, and will not do so again: what is new is another migration."""
        assert [sha256(text.encode()).hexdigest()[:16] for text in schema.migrations()] == [
            "90803121c2ed6281",  # 0001_first.sql
            "52e609dc3940dace",  # 0002_unlogged.sql
            "d7bc31fe19153773",  # 0003_vault.sql
            "dc5333dbc4720f9c",  # 0004_leases.sql
            "e859dfbd1e491612",  # 0005_jobs.sql
            "983110a8fb40ec63",  # 0006_schedules.sql
            "975140dabffe4c03",  # 0007_logs.sql
            "4bb50a1950368b05",  # 0008_connections.sql
            "05114af62d1f6ba9",  # 0009_notices.sql
            "f5fbfe92d6334a7c",  # 0010_job_callbacks.sql
            "4b7d0ced4cb92672",  # 0011_job_ends.sql
            "23a358859813058e",  # 0012_traces.sql
        ]

    async def test_executions_of_the_first_schema_are_there_after_the_second(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connection = sqlite3.connect(path)
        first = schema.migrations()[:1]
        with monkeypatch.context() as patch:
            patch.setattr(schema, "migrations", lambda: first)
            schema.migrate(connection)
        columns = [name for _, name, *_ in connection.execute("PRAGMA table_info(executions)")]
        values = [str(n) if name in ("arn", "input") else n for n, name in enumerate(columns)]
        connection.execute(f"INSERT INTO executions VALUES ({', '.join('?' * len(values))})", values)
        connection.commit()
        schema.migrate(connection)
        assert [name for _, name, *_ in connection.execute("PRAGMA table_info(executions)")][-2:] == [
            "unlogged",
            "input",
        ]
        found = connection.execute(f"SELECT {', '.join(columns)}, unlogged FROM executions").fetchall()
        assert [tuple(map(str, row)) for row in found] == [(*map(str, values), "0")]
        connection.close()

    async def test_a_database_is_brought_to_the_present_schema(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await make(path)
        known = schema.migrations()
        added = ("CREATE TABLE second (a INTEGER);", "INSERT INTO second VALUES (1);")
        monkeypatch.setattr(schema, "migrations", lambda: known + added)
        await check_sound(path)
        await check_sound(path)
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA user_version").fetchone() == (len(schema.migrations()),)
        assert connection.execute("SELECT a FROM second").fetchall() == [(1,)]
        connection.close()

    async def test_a_migration_that_fails_leaves_the_database_as_it_was(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await make(path)
        known = schema.migrations()
        added = ("CREATE TABLE second (a INTEGER);", "INSERT INTO absent VALUES (1);")
        with monkeypatch.context() as patch:
            patch.setattr(schema, "migrations", lambda: known + added)
            with pytest.raises(StoreError, match="no such table: absent"):
                await open_store(str(path))
        await check_sound(path)

    async def test_a_new_database_bears_the_mark_of_stepwell(self, path: Path) -> None:
        await make(path)
        connection = sqlite3.connect(path)
        assert connection.execute("PRAGMA application_id").fetchone() == (schema.APPLICATION_ID,)
        assert connection.execute("PRAGMA user_version").fetchone() == (len(schema.migrations()),)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        connection.close()
