"""`stepwell doctor` finds and names each kind of damage: of the file, of its tables, between its rows, and in them."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.caller import Caller
from tests.server import serving

LARGE = "x" * 1_000
WAITS = {
    "Keep": {"Type": "Pass", "Next": "Both"},
    "Both": {
        "Type": "Parallel",
        "End": True,
        "Branches": [
            {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}},
            {
                "StartAt": "T",
                "States": {
                    "T": {
                        "Type": "Task",
                        "Resource": "arn:aws:states:us-east-1:123456789012:activity:act",
                        "End": True,
                    }
                },
            },
        ],
    },
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with one of everything: ended and waiting executions, large texts, a task in the outbox."""
    folder = tmp_path_factory.mktemp("sound")
    with serving(folder) as running:
        client = Caller(running.port)
        client.call("CreateActivity", name="act")
        waits = client.create("Waits", WAITS)
        ends = client.create("Ends", {"P": {"Type": "Pass", "End": True}})
        client.start(waits, "waiting", {"text": LARGE})
        client.end_of(client.start(ends, "ended", {"text": LARGE}))
        assert running.terminate() == 0
    return folder / "stepwell.db"


def examined(store: Path) -> tuple[int, list[str]]:
    """What the doctor's exit code and findings are; what it says on standard error is one where it cannot look."""
    command = [sys.executable, "-m", "stepwell", "doctor", "--store", str(store), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    if done.stdout:
        found: list[str] = json.loads(done.stdout)["findings"]
        return done.returncode, found
    return done.returncode, [done.stderr]


def execution_of(name: str) -> str:
    machine = {"waiting": "Waits", "ended": "Ends"}[name]
    return f"arn:aws:states:us-east-1:123456789012:execution:{machine}:{name}"


@pytest.fixture
def copy(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(sound, tmp_path / "stepwell.db"))


def changed(store: Path, *statements: str) -> None:
    """The statements carried out by somebody who knows nothing of Stepwell."""
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        for statement in statements:
            assert connection.execute(statement).rowcount != 0, f"nothing was damaged: {statement}"


def test_a_sound_database_is_well(copy: Path) -> None:
    assert examined(copy) == (0, [])


@pytest.mark.parametrize("left", [0.5, 0.9])
def test_a_file_that_is_cut(copy: Path, left: float) -> None:
    with copy.open("r+b") as file:
        file.truncate(int(copy.stat().st_size * left) // 4096 * 4096)
    code, (finding, *_) = examined(copy)
    assert code == 1
    assert "is not a sound database" in finding


def test_a_file_that_is_something_else(copy: Path) -> None:
    copy.write_text("Dear Ada")
    code, (finding,) = examined(copy)
    assert (code, "is not a sound database" in finding) == (1, True)


FLIPS = {
    "payloads.text": "1 large texts of executions are damaged, the first of {waiting}",
    "executions.input": "1 inputs of executions are damaged, the first of {waiting}",
    "progress.output": "1 outputs of executions are damaged, the first of {ended}",
    "history.data": "1 records of histories are damaged, the first of {waiting}",
    "frames.data": "1 frames of executions are damaged, the first of {waiting}",
    "effects.data": "1 tasks and messages are damaged, the first of {waiting}",
    "definitions.text": "1 definitions are damaged",
}


@pytest.mark.parametrize("place", FLIPS)
def test_one_flipped_bit_in_what_a_row_holds(copy: Path, place: str) -> None:
    """SQLite's own check passes over all of these."""
    table, column = place.split(".")
    owner = {"executions": "key", "progress": "key", "definitions": None}.get(table, "execution")
    name = "ended" if table == "progress" else "waiting"
    which = "1" if owner is None else f"{owner} = (SELECT key FROM executions WHERE name = '{name}')"
    with closing(sqlite3.connect(copy)) as connection, connection:
        (value,) = connection.execute(f"SELECT min({column}) FROM {table} WHERE {which}").fetchone()
        data = bytearray(value if isinstance(value, bytes) else value.encode())
        data[0] ^= 0x04
        other = bytes(data) if isinstance(value, bytes) else data.decode()
        done = connection.execute(f"UPDATE {table} SET {column} = ? WHERE {which} AND {column} = ?", (other, value))
        assert done.rowcount == 1
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    names = {name: execution_of(name) for name in ("waiting", "ended")}
    assert examined(copy) == (1, [FLIPS[place].format(**names)])


MISSING = {
    "DELETE FROM payloads": "refer to texts that are missing",
    "DELETE FROM definitions": "definitions that executions refer to and that are missing",
    "DELETE FROM progress WHERE key = (SELECT max(key) FROM progress)": "1 executions without their progress",
    "DELETE FROM executions": "progress of executions that are gone",
    "DELETE FROM history WHERE first_id = 1": "executions whose history lacks its end",
}


@pytest.mark.parametrize("statement", MISSING)
def test_rows_that_are_missing(copy: Path, statement: str) -> None:
    changed(copy, statement)
    code, findings = examined(copy)
    assert code == 1
    assert MISSING[statement] in " ".join(findings)


def test_a_running_execution_that_nothing_will_move(copy: Path) -> None:
    changed(copy, "DELETE FROM frames", "DELETE FROM timers", "DELETE FROM effects")
    code, findings = examined(copy)
    assert code == 1
    assert findings == ["1 running executions that nothing will ever move: no frame, no timer, no task, no message"]


SCHEMAS: dict[str, Callable[[str], bool]] = {
    "DROP TABLE timers": lambda said: "the table timers is missing" in said,
    "DROP INDEX progress_running": lambda said: "the index progress_running is missing" in said,
    "ALTER TABLE executions DROP COLUMN trace_header": lambda said: "executions is not as Stepwell makes it" in said,
    "ALTER TABLE payloads RENAME COLUMN text TO words": lambda said: "payloads is not as Stepwell makes it" in said,
    "PRAGMA user_version = 9999": lambda said: "has schema version 9999" in said,
    "PRAGMA application_id = 7": lambda said: "is the database of another program" in said,
}


@pytest.mark.parametrize("statement", SCHEMAS)
def test_tables_that_are_not_as_they_should_be(copy: Path, statement: str) -> None:
    changed(copy, statement)
    code, findings = examined(copy)
    assert code == 1
    assert SCHEMAS[statement](" ".join(findings)), findings
