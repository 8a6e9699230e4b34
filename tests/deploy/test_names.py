"""What SAM makes of a resource has a name too: roles, APIs, versions, aliases."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Value = Callable[..., str]

MORE = """
  Check:
    Type: AWS::Serverless::Function
    Properties: {InlineCode: x, Handler: index.handler, Runtime: python3.12, AutoPublishAlias: live}
  Flow:
    Type: AWS::Serverless::StateMachine
    Properties: {Definition: {StartAt: A, States: {A: {Type: Pass, End: true}}}, AutoPublishAlias: live}
  Api: {Type: AWS::Serverless::Api, Properties: {StageName: v1}}
  V1: {Type: AWS::Lambda::Version, Properties: {FunctionName: !Ref Check}}
  Live: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !Ref Check, Name: live, FunctionVersion: '1'}}
"""
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:Check"
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:Flow"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("!Ref Check", "Check"),
        ("!GetAtt Check.Arn", FUNCTION),
        ("!Ref Check.Version", f"{FUNCTION}:1"),
        ("!Ref Check.Alias", f"{FUNCTION}:live"),
        ("!Ref CheckAliaslive", f"{FUNCTION}:live"),
        ("!Ref V1", f"{FUNCTION}:1"),
        ("!Ref Live", f"{FUNCTION}:live"),
        ("!GetAtt CheckRole.Arn", "arn:aws:iam::123456789012:role/shop-CheckRole"),
        ("!Ref Flow", MACHINE),
        ("!GetAtt Flow.Name", "Flow"),
        ("!Ref FlowAliaslive", f"{MACHINE}:live"),
        ("!GetAtt FlowRole.Arn", "arn:aws:iam::123456789012:role/shop-FlowRole"),
        ("!Ref Api.Stage", "v1"),
    ],
)
def test_a_resource_and_what_sam_makes_of_it_have_names(value: Value, expression: str, expected: str) -> None:
    assert value(expression, resources=MORE) == expected


def test_the_api_that_events_make_has_an_id_that_stays(value: Value) -> None:
    url = '!Sub "https://${ServerlessRestApi}.execute-api.${AWS::Region}.amazonaws.com/Prod"'
    assert value(url) == value(url)
    assert value(url).startswith("https://")


def test_a_name_that_only_begins_like_a_resource_is_a_fault(value: Value) -> None:
    with pytest.raises(Exception, match="there is no parameter and no resource 'Checks'"):
        value("!Ref Checks", resources=MORE)


def test_a_logical_id_that_is_too_long_for_a_name_is_cut_and_stays_itself(value: Value) -> None:
    one, other = (
        value(f"!Ref {id}", resources=f"\n  {id}: {{Type: AWS::Lambda::Function, Properties: {{}}}}\n")
        for id in (f"{'Long' * 20}1", f"{'Long' * 20}2")
    )
    assert len(one) == len(other) == 64
    assert one != other
