"""A definition in a file: JSON as it stands, YAML made JSON once everything is filled in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stepwell import Stepwell
from stepwell.app import AppError
from stepwell.assembly import Place, bind_machines
from stepwell.deploy.definition_file import definition_json
from stepwell.deploy.faults import TemplateError

YAML = """
StartAt: Pause        # what it does first
States:
  Pause:
    Type: Wait
    Seconds: ${Seconds}
    Next: Greet
  Greet: {Type: Task, Resource: Greet, End: true}
"""


def served(folder: Path, text: str) -> str:
    (folder / "m.asl.yaml").write_text(text)
    app = Stepwell()
    app.machine(folder / "m.asl.yaml", substitutions={"Seconds": "5"})
    app.function("Greet")(lambda event, context: event)
    (bound,) = bind_machines(app, Place("us-east-1", "123456789012"))
    assert bound.machine.name == "m"
    return bound.definition


@pytest.mark.parametrize("text", ['{"StartAt": 1.50}', " {broken", "neither"])
def test_json_is_handed_on_as_it_stands(text: str) -> None:
    assert definition_json(text, "m.asl.json") == text


def test_json_may_stand_in_a_file_of_yaml() -> None:
    assert definition_json('{"StartAt": 1.50}', "m.yml") == '{"StartAt": 1.50}'


def test_what_is_filled_into_yaml_may_be_a_number(tmp_path: Path) -> None:
    states = json.loads(served(tmp_path, YAML))["States"]
    assert states["Pause"]["Seconds"] == 5
    assert states["Greet"]["Resource"] == "arn:aws:lambda:us-east-1:123456789012:function:Greet"


def test_yaml_that_cannot_be_read_is_told_with_its_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(AppError, match=r"m\.asl\.yaml, line 2: "):
        served(tmp_path, "StartAt: A\nStates: {A: [}\n")


def test_yaml_that_is_no_object_is_no_definition() -> None:
    with pytest.raises(TemplateError, match=r"m\.yaml holds no definition: it must be an object with StartAt"):
        definition_json("- a\n- b\n", "m.yaml")
