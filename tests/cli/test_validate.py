"""`stepwell validate`."""

from __future__ import annotations

from tests.cli.conftest import FAILS, Shell

BROKEN = """{"StartAt": "A", "States": {
  "A": {"Type": "Pass", "Next": "Nowhere"},
  "B": {"Type": "Wait", "Seconds": -1, "End": true}}}"""


def test_a_valid_definition_is_exit_code_0(shell: Shell) -> None:
    (shell.folder / "a.asl.json").write_text(FAILS)
    done = shell("validate", "a.asl.json")
    assert (done.returncode, done.stdout) == (0, "")


def test_every_diagnostic_of_every_file_is_told_with_file_place_code_and_message(shell: Shell) -> None:
    (shell.folder / "a.asl.json").write_text(BROKEN)
    (shell.folder / "b.asl.json").write_text("{")
    done = shell("validate", "a.asl.json", "b.asl.json")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert any(line.startswith("a.asl.json: /States/A/Next: error MISSING_TRANSITION_TARGET: ") for line in lines)
    assert any(line.startswith("a.asl.json: /States/B") for line in lines)
    assert any(line.startswith("b.asl.json: /: error INVALID_JSON_DESCRIPTION: ") for line in lines)


def test_diagnostics_can_be_read_by_machines(shell: Shell) -> None:
    (shell.folder / "a.asl.json").write_text(BROKEN)
    done = shell("validate", "a.asl.json", "--json")
    import json

    found = json.loads(done.stdout)
    assert {"file", "location", "severity", "code", "message"} == found[0].keys()


def test_a_file_that_is_not_there_is_wrong_use(shell: Shell) -> None:
    done = shell("validate", "none.asl.json")
    assert done.returncode == 2
    assert done.stderr == "stepwell: none.asl.json cannot be read: No such file or directory.\n"


def test_a_definition_may_name_the_functions_of_an_app(shell: Shell) -> None:
    (shell.folder / "hello.py").write_text(
        "from stepwell import Stepwell\n\napp = Stepwell()\n\n\n"
        "@app.function('Greet')\ndef greet(event, context):\n    return event\n"
    )
    definition = '{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "Greet", "End": true}}}'
    (shell.folder / "hello.asl.json").write_text(definition)
    (shell.folder / "bad.asl.json").write_text("{")
    assert "Greet is not recognized" in shell("validate", "hello.asl.json").stdout
    done = shell("validate", "--app", "hello:app", "hello.asl.json")
    assert (done.returncode, done.stdout) == (0, "")
    assert "INVALID_JSON_DESCRIPTION" in shell("validate", "--app", "hello:app", "bad.asl.json").stdout
    assert shell("validate", "--app", "nobody:app", "hello.asl.json").returncode == 2


def test_a_definition_may_be_written_in_yaml(shell: Shell) -> None:
    (shell.folder / "a.asl.yaml").write_text("StartAt: A\nStates:\n  A: {Type: Pass, Next: B}\n  B: {Type: Succeed}\n")
    assert shell("validate", "a.asl.yaml").returncode == 0
    assert shell("run", "a.asl.yaml").stdout == "{}\n"
    (shell.folder / "b.asl.yaml").write_text("StartAt: A\nStates:\n  A: {Type: Pass, Next: Nowhere}\n")
    assert "b.asl.yaml: /States/A/Next: error MISSING_TRANSITION_TARGET: " in shell("validate", "b.asl.yaml").stdout
    (shell.folder / "c.asl.yaml").write_text("StartAt: [\n")
    done = shell("validate", "c.asl.yaml")
    assert done.returncode == 2
    assert done.stderr.startswith("stepwell: c.asl.yaml, line 2: ")
