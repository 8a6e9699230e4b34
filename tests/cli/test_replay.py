"""`stepwell replay`: the path, where it parts, and an exit code for CI."""

from __future__ import annotations

import json
from pathlib import Path

from stepwell.testing import run
from tests.cli.conftest import Shell

CHOICE = {
    "StartAt": "Big?",
    "States": {
        "Big?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.n", "NumericGreaterThan": 10, "Next": "Big"}],
            "Default": "Small",
        },
        "Big": {"Type": "Succeed"},
        "Small": {"Type": "Succeed"},
    },
}


def test_the_exit_code_says_whether_the_path_is_the_same(shell: Shell, tmp_path: Path) -> None:
    events = run(CHOICE, {"n": 15}).events
    (tmp_path / "history.json").write_text(json.dumps({"events": list(events)}))
    (tmp_path / "same.asl.json").write_text(json.dumps(CHOICE))
    (tmp_path / "other.asl.json").write_text(json.dumps(CHOICE).replace("10", "20"))

    same = shell("replay", "history.json", "same.asl.json")
    assert (same.returncode, same.stdout) == (0, "The path is the same: Big? → Big\n")
    other = shell("replay", "history.json", "other.asl.json")
    assert other.returncode == 1
    assert "after Big? (state 1 of the path): it went to Big then, and goes to Small now" in other.stdout
    told = json.loads(shell("replay", "history.json", "other.asl.json", "--json").stdout)
    assert (told["same"], told["replayed"]["path"]) == (False, ["Big?", "Small"])


def test_what_cannot_be_replayed_has_an_exit_code_of_its_own(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "same.asl.json").write_text(json.dumps(CHOICE))
    (tmp_path / "history.json").write_text("[]")
    done = shell("replay", "history.json", "same.asl.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "There are no events in the history" in done.stderr
