"""`stepwell validate` follows the data too."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Shell

TRAP = """{"StartAt": "Waves", "States": {"Waves": {"Type": "Map", "ItemsPath": "$.waves", "End": true, "Iterator": {
  "StartAt": "S", "States": {"S": {"Type": "Pass", "Parameters": {"id.$": "$.execution_id"}, "End": true}}}}}}"""


def test_a_read_that_may_fail_is_a_warning_and_one_that_will_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "trap.asl.json").write_text(TRAP)
    shell = Shell(tmp_path)
    done = shell("validate", "trap.asl.json")
    assert done.returncode == 0
    assert "warning NOT_IN_INPUT: $.execution_id is looked up in the item here" in done.stdout
    done = shell("validate", "trap.asl.json", "--input", json.dumps({"waves": [{"n": 1}], "execution_id": "e"}))
    assert done.returncode == 1
    assert "error NOT_IN_INPUT: $.execution_id is read here, and the input holds n." in done.stdout
