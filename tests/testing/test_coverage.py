"""What of a machine counts as reached."""

from __future__ import annotations

from typing import Any

import pytest

from stepwell.testing import Throw, run
from stepwell.testing.coverage import Coverage
from stepwell.testing.report import table

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:work"


def distributed(processor: dict[str, Any], kind: str = "STANDARD") -> dict[str, Any]:
    """A machine that is a distributed Map over its input."""
    mode = {"Mode": "DISTRIBUTED", "ExecutionType": kind}
    processing = {"ProcessorConfig": mode, **processor}
    each = {"Type": "Map", "ItemProcessor": processing, "ToleratedFailurePercentage": 100, "End": True}
    return {"StartAt": "Each", "States": {"Each": each}}


WORK: dict[str, Any] = {
    "StartAt": "Big?",
    "States": {
        "Big?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$", "NumericGreaterThan": 10, "Next": "Work"}],
            "Default": "Small",
        },
        "Work": {
            "Type": "Task",
            "Resource": FUNCTION,
            "Retry": [{"ErrorEquals": ["Busy"], "MaxAttempts": 1}],
            "Catch": [{"ErrorEquals": ["Down"], "Next": "Failed"}],
            "Next": "Done",
        },
        "Small": {"Type": "Pass", "End": True},
        "Done": {"Type": "Succeed"},
        "Failed": {"Type": "Fail", "Error": "Failed"},
    },
}


def missed(coverage: Coverage) -> list[str]:
    (machine,) = coverage.machines.values()
    return [f"{part.kind} {part}" for part in machine.missed()]


def test_what_the_children_of_a_distributed_map_run_counts_for_the_machine_around_it() -> None:
    coverage = Coverage()
    run(distributed(WORK), [50], mocks={"Work": [Throw("Busy"), 1]}, name="Order", coverage=coverage)
    assert missed(coverage) == [
        "branch Big? default → Small",
        "catcher Work catch 0 on Down → Failed",
        "state Small",
        "state Failed",
    ]
    run(distributed(WORK), [50, 1], mocks={"Work": Throw("Down")}, name="Order", coverage=coverage)
    assert coverage.percent() == 100.0


def test_so_does_what_runs_in_a_distributed_map_inside_of_another() -> None:
    coverage = Coverage()
    run(distributed(distributed_inside()), [[1, 2]], mocks={}, coverage=coverage)
    assert missed(coverage) == []


def distributed_inside() -> dict[str, Any]:
    processor = {"StartAt": "Leaf", "States": {"Leaf": {"Type": "Pass", "End": True}}}
    inner = distributed(processor)["States"]["Each"]
    return {"StartAt": "Inner", "States": {"Inner": inner}}


def test_retriers_and_fail_states_of_express_children_are_left_out_for_they_keep_no_history() -> None:
    coverage = Coverage()
    mocks = {"Work": [Throw("Busy"), 1, Throw("Down")]}
    run(distributed(WORK, "EXPRESS"), [50, 1, 60], mocks=mocks, coverage=coverage)
    (machine,) = coverage.machines.values()
    assert (machine.count("state"), machine.count("retrier")) == ((5, 5), (0, 0))
    assert missed(coverage) == []
    loaded = Coverage()
    loaded.load(coverage.dump())
    for told in (coverage, loaded):
        assert [line for line in table(told) if "not counted" in line] == [
            "  not counted: retrier Work retry 0 on Busy (Express children)",
            "  not counted: state Failed (Express children)",
        ]


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_a_state_that_no_child_runs_is_missed(kind: str) -> None:
    coverage = Coverage()
    run(distributed(WORK, kind), [], mocks={}, coverage=coverage)
    assert "state Big?" in missed(coverage)
