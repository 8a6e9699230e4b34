"""A case is in scope or out of it for what it uses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance import ratchet
from tests.conformance.report import shares, table
from tests.conformance.scope import left_out

PASS = {"Type": "Pass", "End": True}


def case(definition: Any, *, kind: str = "execution", op: str = "start_execution", **arguments: Any) -> dict[str, Any]:
    create = {"op": "create_state_machine", "args": {"definition": {"$json": definition}, **arguments}}
    return {"kind": kind, "steps": [create, {"op": op, "args": {}}]}


def machine(state: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"StartAt": "A", "States": {"A": {**PASS, **state}}, **members}


def test_a_plain_machine_is_in_scope() -> None:
    assert left_out(case(machine({"Parameters": {"a.$": "$.b", "c.$": "$$.Execution.Id", "d": "$5"}}))) == []


@pytest.mark.parametrize(
    ("uses", "used"),
    [
        (case(machine({}, QueryLanguage="JSONata")), "JSONata"),
        (case(machine({"QueryLanguage": "JSONata"})), "JSONata"),
        (case(machine({"Assign": {"x": 1}})), "variables"),
        (case(machine({"Catch": [{"ErrorEquals": ["States.ALL"], "Assign": {"x": 1}, "Next": "A"}]})), "variables"),
        (case(machine({"Parameters": {"a.$": "States.Format('{}', $x)"}})), "variables"),
        (
            case(machine({"Type": "Choice", "Choices": [{"Variable": "$x.y", "IsNull": True, "Next": "A"}]})),
            "variables",
        ),
        (case(machine({}), type="EXPRESS"), "Express"),
        (case(machine({}), kind="express"), "Express"),
        (case(machine({}), op="test_state"), "TestState"),
        (case(machine({}), publish=True), "versions and aliases"),
        (case(machine({}), op="create_state_machine_alias"), "versions and aliases"),
        (case(machine({"ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED"}}})), "distributed Map"),
        (case(machine({}), op="list_map_runs"), "distributed Map"),
    ],
)
def test_what_goes_beyond_the_core_is_left_out(uses: dict[str, Any], used: str) -> None:
    assert left_out(uses) == [used]


def test_a_definition_that_is_no_json_is_read_all_the_same() -> None:
    assert left_out({"kind": "api", "steps": [{"op": "create_state_machine", "args": {"definition": "{broken"}}]}) == []


def test_a_case_falls_when_it_reaches_less_than_is_held() -> None:
    asked = {"a": "history", "b": "history", "c": "outcome", "d": "outcome", "e": "history"}
    reached = {"a": "history", "b": "outcome", "c": "history", "d": "failed"}
    assert ratchet.fallen(asked, reached) == {"b": "history", "d": "outcome"}


def test_skipped_cases_are_not_graded() -> None:
    results: list[dict[str, object]] = [
        {"id": "a", "outcome": True, "history": True},
        {"id": "b", "outcome": True, "history": False},
        {"id": "c", "outcome": False, "history": False},
        {"id": "d", "skipped": "s3"},
    ]
    assert ratchet.levels(results) == {"a": "history", "b": "outcome", "c": "failed"}


def test_the_report_counts_what_is_in_scope_apart() -> None:
    reached = {"a": "history", "b": "outcome", "c": "failed"}
    lines = table(reached, {"a": [], "b": [], "c": ["JSONata"]}, dict.fromkeys(reached, "base")).splitlines()
    assert lines[2:] == [
        "| base | 2 | 1 | 2 |",
        "| **in scope** | 2 | 1 | 2 |",
        "| beyond it: JSONata | 0 | 0 | 1 |",
        "| **all** | 2 | 1 | 3 |",
    ]
    assert shares("in scope", ["history", "outcome"]) == "in scope: outcome 2/2 (100.0%), history 1/2 (50.0%)"
