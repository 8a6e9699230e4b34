"""Parameters: defaults, given values, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.deploy.conftest import Read

Value = Callable[..., str]


def declared(declaration: str) -> str:
    return f"Parameters:\n  Size: {{{declaration}}}\n"


def test_a_given_value_wins_over_the_default(value: Value) -> None:
    more = declared("Type: String, Default: small")
    assert value("!Ref Size", more=more) == "small"
    assert value("!Ref Size", "Size=large", more=more) == "large"


def test_a_value_may_hold_an_equals_sign(value: Value) -> None:
    assert value("!Ref Size", "Size=a=b", more=declared("Type: String")) == "a=b"


@pytest.mark.parametrize(
    ("declaration", "given", "message"),
    [
        ("Type: String", (), "Parameters.Size: it has no default. Give a value: --parameter Size=VALUE"),
        ("Type: String, Description: In litres", (), "it has no default (In litres). Give a value"),
        ("Type: String, AllowedValues: [s, m]", ("Size=xl",), "'xl' is not one of its AllowedValues: s, m."),
        ("Type: Number", ("Size=many",), "'many' is no number."),
        ("Type: String, Default: s", ("Sice=m",), "there is no parameter 'Sice'. Did you mean 'Size'?"),
        ("Type: String, Default: s", ("Size",), "--parameter 'Size' is not of the form NAME=VALUE."),
    ],
)
def test_what_is_wrong_with_a_parameter_is_told(
    value: Value, declaration: str, given: tuple[str, ...], message: str
) -> None:
    with pytest.raises(Exception, match="template") as told:
        value("!Ref Size", *given, more=declared(declaration))
    assert message in str(told.value)


def test_a_parameter_of_the_parameter_store_is_its_name_until_it_is_given(read: Callable[..., object]) -> None:
    text = """
        Parameters:
          Ami: {Type: AWS::SSM::Parameter::Value<String>, Default: /aws/ami}
        Resources:
          Worker: {Type: AWS::StepFunctions::Activity, Properties: {Name: !Ref Ami}}
        """
    template = read(text)
    assert template.notes == (  # type: ignore[attr-defined]
        "the parameter Ami is read from AWS's parameter store; here it is '/aws/ami'. Say --parameter Ami=VALUE for"
        " another value",
    )
    assert read(text, "Ami=ami-1").activities == ("ami-1",)  # type: ignore[attr-defined]


def test_all_faults_are_told_at_once(faults: Callable[..., str]) -> None:
    told = faults(
        """
        Parameters:
          A: {Type: String}
          B: {Type: String}
        Resources:
          Flow: {Type: AWS::StepFunctions::StateMachine, Properties: {DefinitionString: !Ref Nowhere}}
        """
    )
    assert [line.partition(":")[0] for line in told.splitlines()] == [
        "Parameters.A",
        "Parameters.B",
        "Flow.DefinitionString",
    ]


def test_what_a_resource_is_can_be_given(value: Value) -> None:
    more = "\n  Jobs: {Type: AWS::SQS::Queue}\n"
    assert value("!Ref Jobs", "Jobs=http://127.0.0.1:5000/jobs", resources=more) == "http://127.0.0.1:5000/jobs"
    assert value("!GetAtt Jobs.Arn", "Jobs.Arn=arn:mine", resources=more) == "arn:mine"


def test_the_outputs_of_a_nested_stack_are_given(value: Value) -> None:
    nested = "\n  Net: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: net.yaml}}\n"
    assert value("!GetAtt Net.Outputs.Vpc", "Net.Outputs.Vpc=vpc-1", resources=nested) == "vpc-1"
    with pytest.raises(Exception, match=r"Say what it is with --parameter Net\.Outputs\.Vpc=VALUE"):
        value("!GetAtt Net.Outputs.Vpc", resources=nested)


def test_a_value_that_is_not_to_be_echoed_is_not(faults: Callable[..., str]) -> None:
    told = faults(
        "Parameters:\n  Key: {Type: String, NoEcho: true, AllowedValues: [a]}\nResources: {}\n", "Key=very-secret"
    )
    assert told == "Parameters.Key: the value is not one of its AllowedValues: a."


def test_a_parameter_that_is_missing_is_told_once_however_often_it_is_used(faults: Callable[..., str]) -> None:
    told = faults(
        """
        Parameters: {Name: {Type: String}}
        Resources:
          Worker: {Type: AWS::StepFunctions::Activity, Properties: {Name: !Ref Name}}
          Other: {Type: AWS::StepFunctions::Activity, Properties: {Name: !Sub '${Name}-other'}}
        """
    )
    assert told == "Parameters.Name: it has no default. Give a value: --parameter Name=VALUE"


def test_a_name_that_nothing_is_called_by_is_told(read: Read) -> None:
    text = "Parameters: {Env: {Type: String, Default: dev}}\nResources: {}\n"
    assert read(text, "Evn=prod").notes == ("the parameter Evn was given, and nothing in the template is called so",)
    assert read(text, "Env=prod", "AWS::StackName=shop").notes == ()
