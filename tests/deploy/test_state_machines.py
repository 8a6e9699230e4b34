"""State machines of templates: wherever the definition stands, it comes out as JSON with everything filled in."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from stepwell.deploy.description import MachineSpec, Template
from tests.deploy.conftest import PASSES

Read = Callable[..., Template]

WAITS = '{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": ${Seconds}, "Comment": "${Who}", "End": true}}}'
WAITS_YAML = """\
StartAt: W
States:
  W:
    Type: Wait
    Seconds: ${Seconds}
    Comment: ${Who}
    End: true
"""


@pytest.fixture
def machine(read: Read) -> Callable[..., MachineSpec]:
    """The state machine that these properties make."""

    def machine_of(properties: str, *, type: str = "AWS::Serverless::StateMachine", **files: str) -> MachineSpec:
        text = f"Resources:\n  Flow:\n    Type: {type}\n    Properties: {{{properties}}}\n"
        [found] = read(text, **files).machines
        return found

    return machine_of


@pytest.mark.parametrize(
    ("file", "content"), [("flow.asl.json", WAITS), ("flow.asl.yaml", WAITS_YAML), ("flow.asl.yml", WAITS_YAML)]
)
def test_substitutions_are_filled_in_before_the_file_is_read(
    machine: Callable[..., MachineSpec], file: str, content: str
) -> None:
    found = machine(
        f"DefinitionUri: {file}, DefinitionSubstitutions: {{Seconds: 3, Who: !Ref AWS::Region}}", **{file: content}
    )
    assert json.loads(found.definition)["States"]["W"] == {
        **{"Type": "Wait", "Seconds": 3, "Comment": "eu-west-1", "End": True}
    }
    assert found.source.name == file


def test_the_text_of_a_file_is_handed_on_as_it_stands(machine: Callable[..., MachineSpec]) -> None:
    assert machine("DefinitionUri: a.json", **{"a.json": PASSES}).definition == PASSES


@pytest.mark.parametrize("type", ["AWS::Serverless::StateMachine", "AWS::StepFunctions::StateMachine"])
def test_a_definition_may_be_an_object_with_functions(machine: Callable[..., MachineSpec], type: str) -> None:
    found = machine(
        "Definition: {StartAt: A, States: {A: {Type: Pass, Result: !Sub 'in ${AWS::Region}', End: true}}}", type=type
    )
    assert json.loads(found.definition)["States"]["A"]["Result"] == "in eu-west-1"


def test_a_definition_may_be_a_text_of_functions(machine: Callable[..., MachineSpec]) -> None:
    found = machine(
        """DefinitionString: !Join ['', ['{"StartAt": "A", "States": {"A": {"Type": "Pass", "Comment": "', """
        """!Ref AWS::Region, '", "End": true}}}']]""",
        type="AWS::StepFunctions::StateMachine",
    )
    assert json.loads(found.definition)["States"]["A"]["Comment"] == "eu-west-1"


def test_name_type_tags_and_role_are_read(machine: Callable[..., MachineSpec]) -> None:
    found = machine(
        "DefinitionUri: a.json, Name: !Sub 'x-${AWS::Region}', Type: EXPRESS, Tags: {team: shop},"
        " Role: 'arn:aws:iam::123456789012:role/r'",
        **{"a.json": PASSES},
    )
    assert (found.name, found.type, found.tags) == ("x-eu-west-1", "EXPRESS", {"team": "shop"})
    assert found.role_arn == "arn:aws:iam::123456789012:role/r"


def test_logging_and_tracing_are_read_as_the_api_takes_them(machine: Callable[..., MachineSpec]) -> None:
    found = machine(
        "DefinitionUri: a.json, Tracing: {Enabled: true}, Logging: {Level: ALL, IncludeExecutionData: 'true',"
        " Destinations: [CloudWatchLogsLogGroup: {LogGroupArn: 'arn:aws:logs:eu-west-1:1:log-group:g:*'}]}",
        **{"a.json": PASSES},
    )
    group = {"cloudWatchLogsLogGroup": {"logGroupArn": "arn:aws:logs:eu-west-1:1:log-group:g:*"}}
    assert found.configuration == {
        "loggingConfiguration": {"level": "ALL", "includeExecutionData": True, "destinations": [group]},
        "tracingConfiguration": {"enabled": True},
    }


def test_cloudformation_has_names_of_its_own(machine: Callable[..., MachineSpec]) -> None:
    found = machine(
        "DefinitionString: '{}', StateMachineName: flow, StateMachineType: EXPRESS, Tags: [{Key: team, Value: shop}]",
        type="AWS::StepFunctions::StateMachine",
    )
    assert (found.name, found.type, found.tags) == ("flow", "EXPRESS", {"team": "shop"})


def test_auto_publish_alias_publishes_and_names_an_alias(machine: Callable[..., MachineSpec]) -> None:
    found = machine("DefinitionUri: a.json, AutoPublishAlias: live", **{"a.json": PASSES})
    assert (found.publish, found.aliases) == (True, ("live",))


def test_versions_and_aliases_of_their_own_belong_to_their_machine(read: Read) -> None:
    template = read(
        """
        Resources:
          Flow: {Type: AWS::StepFunctions::StateMachine, Properties: {DefinitionString: '{}'}}
          Other: {Type: AWS::StepFunctions::StateMachine, Properties: {DefinitionString: '{}'}}
          V1: {Type: AWS::StepFunctions::StateMachineVersion, Properties: {StateMachineArn: !Ref Flow}}
          Live:
            Type: AWS::StepFunctions::StateMachineAlias
            Properties: {Name: live, RoutingConfiguration: [{StateMachineVersionArn: !Ref V1, Weight: 100}]}
        """
    )
    assert {m.name: (m.publish, m.aliases) for m in template.machines} == {
        "Flow": (True, ("live",)),
        "Other": (False, ()),
    }


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ("Type: STANDARD", "Flow: it has no definition: DefinitionUri, DefinitionString or Definition."),
        ("DefinitionUri: none.json", "Flow.DefinitionUri: "),
        ("DefinitionUri: s3://b/k", "Flow.DefinitionUri: s3://b/k is not on this machine."),
        ("DefinitionUri: {Bucket: b, Key: k}", "Flow.DefinitionUri: s3://b/k is not on this machine."),
        ("DefinitionUri: bad.yaml", "Flow.DefinitionUri: "),
    ],
)
def test_a_definition_that_cannot_be_had_names_its_place(
    faults: Callable[..., str], properties: str, message: str
) -> None:
    text = f"Resources:\n  Flow: {{Type: AWS::Serverless::StateMachine, Properties: {{{properties}}}}}\n"
    assert faults(text, **{"bad.yaml": "a: [1"}).startswith(message)
