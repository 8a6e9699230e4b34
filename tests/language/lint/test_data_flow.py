"""Members that are read where they cannot be are told before anything runs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stepwell.language.lint.data_flow import lint_definition

START = "/States/ProcessWaves/Iterator/States/StartWave"


def waves(read: dict[str, Any], **of_the_map: Any) -> str:
    """A Map over `$.waves` whose iteration reads members of its input."""
    task = {
        "Type": "Task",
        "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f",
        "Parameters": read,
        "End": True,
    }
    iterator = {"StartAt": "StartWave", "States": {"StartWave": task}}
    mapping = {"Type": "Map", "ItemsPath": "$.waves", "Iterator": iterator, "End": True, **of_the_map}
    return json.dumps({"StartAt": "ProcessWaves", "States": {"ProcessWaves": mapping}})


def told(definition: str, example: Any = None) -> list[tuple[str, str]]:
    return [(found.severity, found.message) for found in lint_definition(definition, example)]


READ = {"action": "start_wave", "execution_id.$": "$.execution_id"}
HAND_ON = 'Hand it on in the ItemSelector of \'ProcessWaves\': "execution_id.$": "$.execution_id".'


def test_an_iteration_that_reads_the_execution_from_its_item_is_warned_of() -> None:
    (found,) = lint_definition(waves(READ))
    assert (found.code, found.severity, found.location) == (
        "NOT_IN_INPUT",
        "WARNING",
        f"{START}/Parameters/execution_id.$",
    )
    assert found.message == (
        "$.execution_id is looked up in the item here, not in the input of the Map 'ProcessWaves', which hands each "
        f"item on alone. {HAND_ON}"
    )


def test_with_an_input_that_the_machine_is_meant_for_it_is_certain() -> None:
    example = {"execution_id": "e-1", "waves": [{"WaveNumber": 1}, {"WaveNumber": 2, "ProtectionGroups": []}]}
    assert told(waves(READ), example) == [
        ("ERROR", f"$.execution_id is read here, and the input holds ProtectionGroups, WaveNumber. {HAND_ON}")
    ]
    assert told(waves({"n.$": "$.WaveNumber", "g.$": "$.ProtectionGroups"}), example) == []


def test_an_item_selector_that_leaves_it_out_makes_it_certain_too() -> None:
    selector = {"wave.$": "$$.Map.Item.Value"}
    assert told(waves(READ, ItemSelector=selector)) == [
        ("ERROR", f"$.execution_id is read here, and the input holds wave. {HAND_ON}")
    ]
    assert told(waves(READ, ItemSelector={**selector, "execution_id.$": "$.execution_id"})) == []
    assert told(waves(READ, Parameters={**selector, "execution_id.$": "$.execution_id"})) == []


def test_what_an_item_may_well_hold_is_no_finding() -> None:
    assert told(waves({"name.$": "$.name", "context.$": "$$.Execution.Id"})) == []


@pytest.mark.parametrize("read", [{"all.$": "$", "plan.$": "$.plan"}, {"plan.$": "States.Format('{}', $.plan)"}])
def test_what_is_read_outside_of_the_map_too_and_what_stands_beside_the_whole_item_is_suspicious(
    read: dict[str, str],
) -> None:
    outside = {"MaxConcurrencyPath": "$.n", "Retry": [], "ItemsPath": "$.waves"}
    machine = json.loads(waves(read, **outside))
    machine["StartAt"] = "First"
    machine["States"]["First"] = {"Type": "Wait", "SecondsPath": "$.plan", "Next": "ProcessWaves"}
    assert [severity for severity, _ in told(json.dumps(machine))] == ["WARNING"]


def machine(**states: Any) -> str:
    return json.dumps({"StartAt": next(iter(states)), "States": states})


def test_results_are_put_where_result_path_says() -> None:
    task = {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Next": "B"}
    for path, severities in (("$.result", []), (None, ["ERROR"]), ("$", [])):
        text = machine(
            First={"Type": "Pass", "Parameters": {"a": 1}, "Next": "A"},
            A={**task, "ResultPath": path},
            B={"Type": "Pass", "Parameters": {"x.$": "$.result"}, "End": True},
        )
        assert [severity for severity, _ in told(text)] == severities, path


def test_what_one_way_leads_to_is_not_denied_where_two_ways_meet() -> None:
    text = machine(
        First={"Type": "Pass", "Parameters": {"a": 1}, "Next": "Which"},
        Which={
            "Type": "Choice",
            "Choices": [{"Variable": "$.a", "NumericEquals": 1, "Next": "Left"}],
            "Default": "End",
        },
        Left={"Type": "Pass", "Result": 1, "ResultPath": "$.left", "Next": "End"},
        End={"Type": "Pass", "Parameters": {"x.$": "$.left"}, "End": True},
    )
    assert told(text) == []


def test_a_loop_ends_and_knows_what_it_adds() -> None:
    text = machine(
        First={"Type": "Pass", "Parameters": {"n": 0}, "Next": "Loop"},
        Loop={
            **{"Type": "Choice", "Default": "Add"},
            "Choices": [
                {
                    "And": [{"Variable": "$.seen", "IsPresent": True}, {"Variable": "$.seen", "BooleanEquals": True}],
                    "Next": "Out",
                }
            ],
        },
        Add={"Type": "Pass", "Result": True, "ResultPath": "$.seen", "Next": "Loop"},
        Out={"Type": "Pass", "Parameters": {"m.$": "$.missing"}, "End": True},
    )
    assert told(text) == [("ERROR", "$.missing is read here, and the input holds n, seen.")]


def test_a_catcher_hands_on_the_error() -> None:
    text = machine(
        First={"Type": "Pass", "Parameters": {"a": 1}, "Next": "T"},
        T={
            **{"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "End": True},
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
        },
        Caught={"Type": "Pass", "Parameters": {"e.$": "$.Error", "a.$": "$.a"}, "End": True},
    )
    assert told(text) == [("ERROR", "$.a is read here, and the input holds Cause, Error.")]


def test_branches_get_the_input_of_their_parallel() -> None:
    branch = {"StartAt": "B", "States": {"B": {"Type": "Pass", "Parameters": {"x.$": "$.b"}, "End": True}}}
    text = machine(
        First={"Type": "Pass", "Parameters": {"a": 1}, "Next": "P"},
        P={"Type": "Parallel", "Branches": [branch], "End": True},
    )
    assert told(text) == [("ERROR", "$.b is read here, and the input holds a.")]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"StartAt": 1, "States": {"A": []}}'])
def test_what_is_no_definition_is_another_ones_finding(text: str) -> None:
    assert told(text) == []


def test_jsonata_is_not_looked_into() -> None:
    definition = json.loads(waves(READ))
    assert told(json.dumps({**definition, "QueryLanguage": "JSONata"})) == []
