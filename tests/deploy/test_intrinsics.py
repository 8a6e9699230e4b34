"""Each intrinsic function gives what CloudFormation gives."""

from __future__ import annotations

from collections.abc import Callable

import pytest

TABLE = """
  Items:
    Type: AWS::DynamoDB::Table
    Properties: {TableName: !Sub "${Env}-items"}
"""
ENV = """
Parameters:
  Env: {Type: String, Default: dev}
  Zones: {Type: CommaDelimitedList, Default: "a, b"}
Mappings:
  Sizes:
    dev: {Memory: 128, Names: [x, y]}
    eu-west-1: {Memory: 256}
Conditions:
  IsProd: !Equals [!Ref Env, prod]
  IsDev: !Not [!Condition IsProd]
  Either: !Or [!Condition IsProd, !Condition IsDev]
  Both: !And [!Condition IsProd, !Condition IsDev]
"""

Value = Callable[..., str]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("!Ref Env", "dev"),
        ("{Ref: Env}", "dev"),
        ("!Ref Zones", "a,b"),
        ("!Ref Items", "dev-items"),
        ("!GetAtt Items.Arn", "arn:aws:dynamodb:eu-west-1:123456789012:table/dev-items"),
        ("{'Fn::GetAtt': [Items, Arn]}", "arn:aws:dynamodb:eu-west-1:123456789012:table/dev-items"),
        ('!Sub "${Env}/${Items.Arn}"', "dev/arn:aws:dynamodb:eu-west-1:123456789012:table/dev-items"),
        ('!Sub ["${Name}-${Env}", {Name: !Ref Items}]', "dev-items-dev"),
        ('!Sub "${!Literal} ${ Env }"', "${Literal} dev"),
        ("!Join ['-', [a, !Ref Env, 3, true]]", "a-dev-3-true"),
        ("!Join [',', !Ref Zones]", "a,b"),
        ("!Select [1, !Ref Zones]", "b"),
        ("!Select ['0', !Split ['/', 'x/y']]", "x"),
        ("!Base64 hello", "aGVsbG8="),
        ("!FindInMap [Sizes, !Ref Env, Memory]", "128"),
        ("!FindInMap [Sizes, !Ref AWS::Region, Memory]", "256"),
        ("{'Fn::FindInMap': [Sizes, none, Memory, {DefaultValue: 64}]}", "64"),
        ("!If [IsProd, large, small]", "small"),
        ("!If [IsDev, a, !GetAtt Nowhere.Arn]", "a"),
        ("!If [Either, yes it is, no]", "yes it is"),
        ("!If [Both, a, b]", "b"),
        ("!Join ['', [a, !Ref AWS::NoValue]]", "a"),
        ("{'Fn::Length': !Ref Zones}", "2"),
        ("{'Fn::ToJsonString': {a: !Ref Env}}", '{"a":"dev"}'),
        ("!Select [2, !GetAZs '']", "eu-west-1c"),
        ("!Select [1, !Cidr [10.0.0.0/16, 2, 8]]", "10.0.1.0/24"),
    ],
)
def test_a_function_gives_what_cloudformation_gives(value: Value, expression: str, expected: str) -> None:
    assert value(expression, more=ENV, resources=TABLE) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("AccountId", "123456789012"),
        ("Partition", "aws"),
        ("Region", "eu-west-1"),
        ("StackName", "shop"),
        ("URLSuffix", "amazonaws.com"),
    ],
)
def test_pseudo_parameters_say_where_the_template_is(value: Value, name: str, expected: str) -> None:
    assert value(f"!Ref AWS::{name}") == expected


def test_a_pseudo_parameter_can_be_given(value: Value) -> None:
    assert value("!Ref AWS::StackName", "AWS::StackName=prod") == "prod"


def test_what_another_stack_exports_is_given_like_a_parameter(value: Value) -> None:
    assert value("!ImportValue net-Vpc", "net-Vpc=vpc-1") == "vpc-1"


def test_an_import_that_is_not_given_says_how(faults: Callable[..., str]) -> None:
    told = faults(
        """
        Resources:
          Flow: {Type: AWS::StepFunctions::StateMachine, Properties: {DefinitionString: !ImportValue net-Flow}}
        """
    )
    assert told == (
        "Flow.DefinitionString: 'net-Flow' is exported by another stack. Say what it is with --parameter"
        " 'net-Flow=VALUE'."
    )


def test_a_dynamic_reference_can_be_given(value: Value) -> None:
    text = "'x{{resolve:ssm:/shop/key}}'"
    assert value(text) == "x{{resolve:ssm:/shop/key}}"
    assert value(text, "resolve:ssm:/shop/key=7") == "x7"


def test_a_local_file_is_included(value: Value) -> None:
    expression = "{'Fn::Transform': {Name: AWS::Include, Parameters: {Location: value.yaml}}}"
    assert value(expression, more=ENV, **{"value.yaml": "!Sub '${Env}-included'"}) == "dev-included"


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("!Ref Nowhere", "there is no parameter and no resource 'Nowhere'"),
        ("!GetAtt Nowhere.Arn", "there is no resource 'Nowhere'"),
        ("!FindInMap [Sizes, prod, Memory]", "Mappings has no Sizes.prod.Memory."),
        ("!If [Unknown, a, b]", "there is no condition 'Unknown'"),
        ("!Select [7, !Ref Zones]", "Fn::Select: there is no item 7."),
        ("!Join [a]", "Fn::Join takes [delimiter, [text, …]]."),
        ("{'Fn::Rot13': a}", "Fn::Rot13 is not known here."),
        ("{'Fn::Transform': {Name: Mine}}", "the macro Mine runs in AWS only"),
    ],
)
def test_what_cannot_be_resolved_names_its_place(value: Value, expression: str, message: str) -> None:
    with pytest.raises(Exception, match=r"template\.yaml: Orders\.Environment\.Variables\.VALUE") as told:
        value(expression, more=ENV)
    assert message in str(told.value)


def test_what_depends_on_itself_is_a_fault_and_no_loop(value: Value) -> None:
    names = """
  A: {Type: AWS::SQS::Queue, Properties: {QueueName: !GetAtt B.QueueName}}
  B: {Type: AWS::SQS::Queue, Properties: {QueueName: !GetAtt A.QueueName}}
"""
    with pytest.raises(Exception, match="this depends on itself"):
        value("!Ref A", resources=names)


@pytest.mark.parametrize(
    ("resource", "ref", "arn"),
    [
        (
            "AWS::SQS::Queue",
            "https://sqs.eu-west-1.amazonaws.com/123456789012/shop-It",
            "sqs:eu-west-1:123456789012:shop-It",
        ),
        ("AWS::SNS::Topic", "arn:aws:sns:eu-west-1:123456789012:shop-It", "sns:eu-west-1:123456789012:shop-It"),
        ("AWS::S3::Bucket", "shop-it", "s3:::shop-it"),
        ("AWS::Events::EventBus", "shop-It", "events:eu-west-1:123456789012:event-bus/shop-It"),
        ("AWS::IAM::Role", "shop-It", "iam::123456789012:role/shop-It"),
        ("AWS::Made::Up", "shop-It", "made:eu-west-1:123456789012:up/shop-It"),
        ("Custom::Thing", "shop-It", "custom:eu-west-1:123456789012:thing/shop-It"),
    ],
)
def test_a_resource_that_is_not_run_has_the_name_and_the_arn_that_it_would_have(
    value: Value, resource: str, ref: str, arn: str
) -> None:
    it = f"\n  It: {{Type: {resource}}}\n"
    assert value("!Ref It", resources=it) == ref
    assert value("!GetAtt It.Arn", resources=it) == f"arn:aws:{arn}"
