"""Databases that are copied under load, put back, and written anew: whatever ends it in the middle, all is there."""

from __future__ import annotations

import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests import server
from tests.faults.caller import RESTS, Caller
from tests.faults.soundness import faults

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals, limits of another process")

QUICK = {"Q": {"Type": "Pass", "End": True}}
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "stepwell", *arguments]


def done(*arguments: str, fails: bool = False) -> str:
    """What a command of the operator's says."""
    found = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=120, check=False)
    assert "Traceback" not in found.stderr
    assert (found.returncode != 0) == fails, found.stderr + found.stdout
    return found.stderr + found.stdout


class Load:
    """Clients that start executions one after the other; `started` are those that were acknowledged, in order."""

    def __init__(self, port: int, machine: str, clients: int) -> None:
        self.started: list[str] = []
        self._machine = machine
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(Caller(port), n)) for n in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def grows_by(self, count: int) -> None:
        wanted, deadline = len(self.started) + count, time.monotonic() + 60
        while len(self.started) < wanted:
            assert time.monotonic() < deadline, f"{len(self.started)} of {wanted} were started"
            time.sleep(0.01)

    def _run(self, client: Caller, number: int) -> None:
        count = 0
        while not self._stop.is_set():
            count += 1
            self.started.append(client.start(self._machine, f"c{number}-{count}", {"n": count}))


def test_a_backup_under_load_holds_all_that_was_acknowledged_before_it_and_goes_on_when_it_is_restored(
    tmp_path: Path,
) -> None:
    store, copy = tmp_path / "stepwell.db", tmp_path / "copy.db"
    with server.serving(tmp_path) as running:
        machine = Caller(running.port).create("Rests", RESTS)
        with Load(running.port, machine, clients=4) as load:
            load.grows_by(100)
            before = list(load.started)
            done("backup", str(copy), "--store", str(store))
            load.grows_by(20)  # the server has gone on
        assert running.terminate() == 0
    assert "All is well." in done("doctor", "--store", str(copy))
    done("restore", str(copy), "--store", str(store))
    with server.serving(tmp_path) as running:
        client = Caller(running.port)
        for arn in before:
            assert client.end_of(arn)["status"] == "SUCCEEDED"
            assert faults(client.history(arn), "SUCCEEDED") == []
        assert running.terminate() == 0


def test_a_backup_never_takes_the_place_of_its_own_database(tmp_path: Path) -> None:
    with server.serving(tmp_path) as running:
        client = Caller(running.port)
        said = done("backup", str(tmp_path / "stepwell.db"), "--store", str(tmp_path / "stepwell.db"), fails=True)
        assert "is the database itself" in said
        (tmp_path / "link.db").symlink_to(tmp_path / "stepwell.db")
        done("backup", str(tmp_path / "link.db"), "--store", str(tmp_path / "stepwell.db"), fails=True)
        client.create("Quick", QUICK)
        assert client.get("/ready").status == 200


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of some size."""
    folder = tmp_path_factory.mktemp("full")
    with server.serving(folder) as running:
        machine = Caller(running.port).create("Quick", QUICK)
        with Load(running.port, machine, clients=4) as load:
            load.grows_by(200)
        assert running.terminate() == 0
    with closing(sqlite3.connect(folder / "stepwell.db")) as connection, connection:
        connection.execute("CREATE TABLE ballast (b)")
        connection.executemany("INSERT INTO ballast VALUES (randomblob(100000))", [()] * 200)
    return folder / "stepwell.db"


def rows(store: Path) -> int:
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        (count,) = connection.execute("SELECT count(*) FROM progress").fetchone()
        return int(count)


def test_a_compaction_that_is_killed_leaves_the_database_and_the_next_start_tidies_up(
    full: Path, tmp_path: Path
) -> None:
    print(f"SEED={SEED}")
    chance = random.Random(SEED)
    store = Path(shutil.copy(full, tmp_path / "stepwell.db"))
    there = rows(store)
    whole = time.monotonic()
    done("compact", "--store", str(store))
    whole = time.monotonic() - whole
    for _ in range(10):
        shutil.copy(full, store)
        process = subprocess.Popen(command("compact", "--store", str(store)), stderr=subprocess.DEVNULL)
        try:
            process.wait(chance.uniform(0.3, 1) * whole)
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait(20)
        assert rows(store) == there
    (tmp_path / "stepwell.db.part").write_bytes(b"what a compaction has left")
    with server.serving(tmp_path) as running:
        assert Caller(running.port).get("/ready").status == 200
        assert not (tmp_path / "stepwell.db.part").exists()


@pytest.mark.parametrize("what", ["compact", "backup"])
def test_a_disk_that_cannot_hold_both_is_told_and_nothing_is_left_of_it(full: Path, tmp_path: Path, what: str) -> None:
    store = Path(shutil.copy(full, tmp_path / "stepwell.db"))
    there = rows(store)
    arguments = ["compact"] if what == "compact" else ["backup", str(tmp_path / "copy.db")]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (store.stat().st_size // 2, resource.RLIM_INFINITY))

    found = subprocess.run(
        command(*arguments, "--store", str(store)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=limit,
    )
    assert found.returncode == 1, found.stderr
    assert "Traceback" not in found.stderr
    assert "cannot be" in found.stderr or "the disk is full" in found.stderr
    assert rows(store) == there
    assert not list(tmp_path.glob("*.part"))
    assert not (tmp_path / "copy.db").exists()


def test_who_may_read_a_database_stays_as_it_was_when_it_is_compacted(full: Path, tmp_path: Path) -> None:
    store = Path(shutil.copy(full, tmp_path / "stepwell.db"))
    for mode in (0o600, 0o640):
        store.chmod(mode)
        done("compact", "--store", str(store))
        assert store.stat().st_mode & 0o777 == mode
