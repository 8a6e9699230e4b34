"""Parameters: defaults, given values, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

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
