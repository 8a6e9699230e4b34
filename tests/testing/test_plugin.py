"""The pytest plugin: the fixture, and the coverage of state machines over a whole run."""

from __future__ import annotations

import json
from importlib.metadata import entry_points

import pytest

pytest_plugins = ["pytester"]

MACHINE = {
    "StartAt": "Check",
    "States": {
        "Check": {
            "Type": "Task",
            "Resource": "arn:aws:lambda:us-east-1:123456789012:function:check",
            "Retry": [
                {"ErrorEquals": ["Busy"], "MaxAttempts": 1},
                {"ErrorEquals": ["States.Timeout"], "MaxAttempts": 1},
            ],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}],
            "Next": "Big?",
        },
        "Big?": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.n", "NumericGreaterThan": 100, "Next": "Done"},
                {"Variable": "$.n", "NumericGreaterThan": 10, "Next": "Done"},
            ],
            "Default": "Done",
        },
        "Done": {"Type": "Succeed"},
        "Failed": {"Type": "Fail", "Error": "Failed"},
    },
}
TESTS = """
from stepwell.testing import Throw

def test_big(stepwell):
    result = stepwell.run("order.asl.json", mocks={"Check": [Throw("Busy"), {"n": 50}]})
    assert result.path == ["Check", "Big?", "Done"]

def test_failed(stepwell):
    stepwell.run("order.asl.json", mocks={"Check": Throw("Down")}).assert_failed("Failed")
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with a definition beside its tests, and the plugin as an installation brings it."""
    folder = pytester.mkdir("checks")
    (folder / "order.asl.json").write_text(json.dumps(MACHINE))
    (folder / "test_order.py").write_text(TESTS)
    if not any(found.value == "stepwell.testing.plugin" for found in entry_points(group="pytest11")):
        pytester.makeconftest('pytest_plugins = ["stepwell.testing.plugin"]')
    return pytester


def test_the_fixture_finds_definitions_beside_the_tests(project: pytest.Pytester) -> None:
    project.runpytest_subprocess("-q").assert_outcomes(passed=2)


def test_a_test_that_fails_says_what_the_execution_did(project: pytest.Pytester) -> None:
    (project.path / "checks" / "test_order.py").write_text(
        "def test_it(stepwell):\n"
        '    result = stepwell.run("order.asl.json", mocks={"Check": {"n": 1}})\n'
        '    assert result.status == "FAILED"\n'
    )
    done = project.runpytest_subprocess("-q")
    done.stdout.fnmatch_lines(
        [
            "*execution of order.asl.json*",
            "status  SUCCEEDED",
            'output  {"n": 1}',
            "path    Check → Big[?] → Done",
            "call    Check({})",
        ]
    )


def test_coverage_names_what_was_missed(project: pytest.Pytester) -> None:
    done = project.runpytest_subprocess("-q", "--stepwell-coverage")
    done.stdout.fnmatch_lines(
        [
            "*coverage of state machines*",
            "machine  states  branches  retriers  catchers  reached",
            "order       4/4       1/3       1/2       1/1     70 %",
            "  missed retrier  Check retry 1 on States.Timeout",
            "  missed branch   Big[?] rule 0 → Done",
            "  missed branch   Big[?] default → Done",
            "all                                               70 %",
        ]
    )
    assert done.ret == 0


def test_too_little_coverage_fails_the_run(project: pytest.Pytester) -> None:
    done = project.runpytest_subprocess("-q", "--stepwell-coverage-fail-under=70.1")
    assert done.ret == 1
    done.stdout.fnmatch_lines(["FAILED: 70.0 % of the state machines was reached, less than 70.1 %."])
    assert project.runpytest_subprocess("-q", "--stepwell-coverage-fail-under=70").ret == 0


def test_coverage_is_written_as_json(project: pytest.Pytester) -> None:
    project.runpytest_subprocess("-q", "--stepwell-coverage-json=coverage.json")
    report = json.loads((project.path / "coverage.json").read_text())
    assert report["percent"] == 70.0
    (machine,) = report["machines"]
    assert machine["name"] == "order"
    assert {
        "kind": "catcher",
        "state": "Check",
        "detail": "catch 0 on States.ALL → Failed",
        "reached": True,
    } in machine["parts"]


def test_definitions_that_no_test_runs_count_where_they_are_named(project: pytest.Pytester) -> None:
    (project.path / "checks" / "alone.asl.json").write_text(json.dumps(MACHINE))
    project.makeini("[pytest]\nstepwell_definitions = checks/*.asl.json")
    done = project.runpytest_subprocess("-q", "--stepwell-coverage")
    done.stdout.fnmatch_lines(["alone*0/4*0/3*0/2*0/1*0 %", "order*70 %", "all*35 %"])


def test_workers_of_xdist_bring_their_coverage_together(project: pytest.Pytester) -> None:
    done = project.runpytest_subprocess("-q", "-n2", "--stepwell-coverage")
    done.stdout.fnmatch_lines(["order       4/4       1/3       1/2       1/1     70 %"])


def test_nothing_is_counted_unless_asked(project: pytest.Pytester) -> None:
    project.runpytest_subprocess("-q").stdout.no_fnmatch_line("*coverage of state machines*")
