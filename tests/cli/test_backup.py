"""A database is copied while a server works on it, put back, and looked at."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from tests.cli.conftest import WAITS, Serve, Shell, client_of

STORE = "stepwell.db"


def test_a_backup_is_taken_while_the_server_goes_on_and_holds_what_was_there(
    serve: Serve, shell: Shell, tmp_path: Path
) -> None:
    (tmp_path / "waits.asl.json").write_text(WAITS)
    server = serve()
    client = client_of(server)
    client("create", "waits.asl.json")
    client("start", "waits", "--name", "before", "--input", '{"seconds": 3600}')
    store = next(path for path in tmp_path.glob("*.db"))
    done = shell("backup", "copy.db", "--store", store.name)
    assert done.returncode == 0, done.stderr
    client("start", "waits", "--name", "after", "--input", '{"seconds": 3600}')
    assert server.terminate() == 0

    done = shell("restore", "copy.db", "--store", store.name)
    assert done.returncode == 0, done.stderr
    (kept,) = tmp_path.glob(f"{store.name}.before-*")
    assert str(kept) in done.stderr
    client = client_of(serve())
    assert client.json("describe", "waits/before")["status"] == "RUNNING"
    assert client("describe", "waits/after").returncode == 1


def test_a_database_in_use_is_not_replaced(serve: Serve, shell: Shell, tmp_path: Path) -> None:
    server = serve()
    store = next(path for path in tmp_path.glob("*.db"))
    shell("backup", "copy.db", "--store", store.name)
    done = shell("restore", "copy.db", "--store", store.name)
    assert done.returncode == 1
    assert "is open in another server" in done.stderr
    assert not list(tmp_path.glob("*.before-*"))
    assert server.terminate() == 0


def test_what_is_no_backup_replaces_nothing(serve: Serve, shell: Shell, tmp_path: Path) -> None:
    assert serve().terminate() == 0
    store = next(path for path in tmp_path.glob("*.db"))
    before = store.read_bytes()
    (tmp_path / "letter.txt").write_text("Dear Ada")
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE t (a)").connection.commit()
    for name, why in (
        ("letter.txt", "is not a sound database"),
        ("other.db", "is the database of another program"),
        ("none.db", "does not exist"),
    ):
        done = shell("restore", name, "--store", store.name)
        assert (done.returncode, why in done.stderr) == (1, True), done.stderr
    assert store.read_bytes() == before
    assert not list(tmp_path.glob("*.before-*"))


def test_a_backup_that_cannot_be_written_leaves_the_last_one(serve: Serve, shell: Shell, tmp_path: Path) -> None:
    assert serve().terminate() == 0
    store = next(path for path in tmp_path.glob("*.db"))
    done = shell("backup", "nowhere/copy.db", "--store", store.name)
    assert done.returncode == 1
    assert "nowhere" in done.stderr
    assert shell("backup", "copy.db", "--store", "missing.db").returncode == 1
    assert not (tmp_path / "missing.db").exists()


class TestDoctor:
    def test_a_sound_database_is_well_beside_its_server(self, serve: Serve, shell: Shell, tmp_path: Path) -> None:
        (tmp_path / "waits.asl.json").write_text(WAITS)
        client = client_of(serve())
        client("create", "waits.asl.json")
        client("start", "waits", "--name", "one", "--input", '{"seconds": 3600}')
        store = next(path for path in tmp_path.glob("*.db"))
        done = shell("doctor", "--store", store.name)
        assert (done.returncode, done.stderr) == (0, "")
        assert "executions  1 RUNNING" in done.stdout
        assert done.stdout.endswith("All is well.\n")

    def test_rows_that_do_not_fit_together_are_told(self, serve: Serve, shell: Shell, tmp_path: Path) -> None:
        assert serve().terminate() == 0
        store = next(path for path in tmp_path.glob("*.db"))
        with sqlite3.connect(store) as connection:
            connection.execute("INSERT INTO timers VALUES (77, 'x|wait', 1, 0)")
        done = shell("doctor", "--store", store.name, "--json")
        assert done.returncode == 1
        assert json.loads(done.stdout)["findings"] == ["1 timers of executions that are gone"]

    def test_damage_is_told(self, serve: Serve, shell: Shell, tmp_path: Path) -> None:
        assert serve().terminate() == 0
        store = next(path for path in tmp_path.glob("*.db"))
        with sqlite3.connect(store) as connection:
            (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'definitions'").fetchone()
            (size,) = connection.execute("PRAGMA page_size").fetchone()
        with store.open("r+b") as file:
            file.seek((page - 1) * size)
            file.write(b"\xff" * size)
        done = shell("doctor", "--store", store.name)
        assert done.returncode == 1
        assert "WRONG" in done.stdout or "is not a sound database" in done.stderr


def test_a_compacted_database_is_served_again(serve: Serve, shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "waits.asl.json").write_text(WAITS)
    server = serve()
    client = client_of(server)
    client("create", "waits.asl.json")
    store = next(path for path in tmp_path.glob("*.db"))
    busy = shell("compact", "--store", store.name)
    assert (busy.returncode, "open in another server" in busy.stderr) == (1, True)
    assert server.terminate() == 0
    done = shell("compact", "--store", store.name)
    assert (done.returncode, "takes" in done.stderr) == (0, True), done.stderr
    assert "waits" in client_of(serve())("list").stdout
