"""Schedules and HTTP routes of templates, and what is told as not run."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from stepwell.deploy.description import Target, Template
from stepwell.deploy.template import TemplateFaults

Read = Callable[..., Template]

FLOW = """
          Flow:
            Type: AWS::Serverless::StateMachine
            Properties:
              Definition: {StartAt: A, States: {A: {Type: Pass, End: true}}}
"""


def resources(text: str) -> str:
    return f"        Resources:{FLOW}{text}"


def test_schedule_events_of_sam(read: Read) -> None:
    template = read(
        resources("""\
              Events:
                Hourly: {Type: Schedule, Properties: {Schedule: rate(1 hour), Input: '{"a": 1}', Enabled: false}}
                Daily:
                  Type: ScheduleV2
                  Properties:
                    ScheduleExpression: cron(0 8 * * ? *)
                    ScheduleExpressionTimezone: Europe/Berlin
                    FlexibleTimeWindow: {Mode: FLEXIBLE, MaximumWindowInMinutes: 15}
        """)
    )
    hourly, daily = template.schedules
    assert (hourly.name, hourly.expression, hourly.input, hourly.enabled) == (
        *("FlowHourly", "rate(1 hour)", '{"a": 1}', False),
    )
    assert (daily.expression, daily.timezone, daily.window) == ("cron(0 8 * * ? *)", "Europe/Berlin", 15)
    assert hourly.target == Target(kind="machine", name="Flow")


def test_schedules_of_cloudformation(read: Read) -> None:
    template = read(
        resources("""
          Nightly:
            Type: AWS::Scheduler::Schedule
            Properties:
              ScheduleExpression: rate(1 day)
              State: DISABLED
              FlexibleTimeWindow: {Mode: 'OFF'}
              Target: {Arn: !GetAtt Flow.Arn, RoleArn: r, Input: '{}'}
          Often:
            Type: AWS::Events::Rule
            Properties:
              ScheduleExpression: rate(5 minutes)
              Targets: [{Id: a, Arn: !Ref Flow, Input: '{"n": 1}'}]
        """)
    )
    nightly, often = template.schedules
    assert (nightly.name, nightly.kind, nightly.enabled, nightly.window) == ("Nightly", "scheduler", False, None)
    assert (often.name, often.kind, often.expression, often.input) == ("Often", "rule", "rate(5 minutes)", '{"n": 1}')


def test_what_schedules_something_else_is_told(read: Read) -> None:
    template = read(
        resources("""
          Queue: {Type: AWS::SQS::Queue}
          Nightly:
            Type: AWS::Scheduler::Schedule
            Properties: {ScheduleExpression: rate(1 day), Target: {Arn: !GetAtt Queue.Arn}}
          Matches: {Type: AWS::Events::Rule, Properties: {EventPattern: {source: [x]}}}
        """)
    )
    assert [str(item) for item in template.not_run] == [
        "Queue (AWS::SQS::Queue)",
        "Nightly (AWS::Scheduler::Schedule): its target, arn:aws:sqs:eu-west-1:123456789012:shop-Queue, is not of"
        " this template",
        "Matches (AWS::Events::Rule): it waits for events of a bus",
    ]


def test_api_events_are_routes(read: Read) -> None:
    template = read(
        resources("""\
              Events:
                Start: {Type: Api, Properties: {Path: /flows, Method: post, RestApiId: !Ref Front}}
          Front: {Type: AWS::Serverless::Api, Properties: {StageName: v1}}
          Orders:
            Type: AWS::Serverless::Function
            Properties:
              CodeUri: src/
              Handler: app.handler
              Runtime: python3.12
              Events:
                One: {Type: HttpApi, Properties: {Path: '/orders/{id}', Method: GET}}
                Rest: {Type: HttpApi}
                Upload: {Type: S3, Properties: {}}
        """)
    )
    one, rest, start = template.routes
    assert (start.method, start.path, start.stage, start.payload) == ("POST", "/flows", "v1", "1.0")
    assert start.target == Target(kind="machine", name="Flow")
    assert (one.method, one.path, one.stage, one.payload) == ("GET", "/orders/{id}", "$default", "2.0")
    assert (rest.method, rest.path) == ("ANY", "/{proxy+}")
    assert [str(item) for item in template.not_run] == ["Orders.Upload (S3 event)"]


def test_integrations_of_an_openapi_document_are_routes(read: Read) -> None:
    template = read(
        resources("""
          Front:
            Type: AWS::Serverless::Api
            Properties:
              StageName: Prod
              DefinitionBody: {'Fn::Transform': {Name: AWS::Include, Parameters: {Location: api.yaml}}}
        """),
        **{
            "api.yaml": """\
openapi: 3.0.1
paths:
  /run:
    post:
      x-amazon-apigateway-integration:
        type: aws
        uri: {'Fn::Sub': 'arn:aws:apigateway:${AWS::Region}:states:action/StartSyncExecution'}
        requestTemplates:
          application/json: {'Fn::Sub': '{"input": "$input.body", "stateMachineArn": "${Flow}"}'}
  /queue:
    post:
      x-amazon-apigateway-integration: {type: aws, uri: 'arn:aws:apigateway:eu-west-1:sqs:path/x'}
"""
        },
    )
    [route] = template.routes
    assert (route.path, route.sync, route.target) == ("/run", True, Target(kind="machine", name="Flow"))
    assert [str(item) for item in template.not_run] == [
        "Front POST /queue (route): it leads to no function or state machine of this template"
    ]


def test_a_resource_whose_condition_does_not_hold_is_not_there(read: Read) -> None:
    text = """
        Parameters: {Env: {Type: String, Default: dev}}
        Conditions: {IsProd: !Equals [!Ref Env, prod]}
        Resources:
          Worker: {Type: AWS::StepFunctions::Activity, Condition: IsProd}
        """
    assert read(text).activities == ()
    assert read(text, "Env=prod").activities == ("Worker",)


def test_a_loop_makes_a_resource_for_each_item(read: Read) -> None:
    template = read(
        """
        Parameters: {Names: {Type: CommaDelimitedList, Default: 'a-b,c'}}
        Resources:
          Fn::ForEach::Workers:
            - Name
            - !Ref Names
            - Worker&{Name}: {Type: AWS::StepFunctions::Activity, Properties: {Name: !Sub 'w-${Name}'}}
        """
    )
    assert template.activities == ("w-a-b", "w-c")


def test_methods_of_an_api_s_own_resources_are_routes(read: Read) -> None:
    template = read(
        resources("""
          Api: {Type: AWS::ApiGateway::RestApi}
          Orders:
            Type: AWS::ApiGateway::Resource
            Properties: {ParentId: !GetAtt Api.RootResourceId, PathPart: orders, RestApiId: !Ref Api}
          One:
            Type: AWS::ApiGateway::Resource
            Properties: {ParentId: !Ref Orders, PathPart: '{id}', RestApiId: !Ref Api}
          Get:
            Type: AWS::ApiGateway::Method
            Properties:
              HttpMethod: GET
              ResourceId: !Ref One
              RestApiId: !Ref Api
              Integration:
                Type: AWS_PROXY
                Uri: !Sub 'arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${It.Arn}/invocations'
          Options:
            Type: AWS::ApiGateway::Method
            Properties: {HttpMethod: OPTIONS, ResourceId: !Ref One, RestApiId: !Ref Api, Integration: {Type: MOCK}}
          Stage: {Type: AWS::ApiGateway::Stage, Properties: {RestApiId: !Ref Api, StageName: live}}
          It: {Type: AWS::Lambda::Function, Properties: {Code: src, Handler: app.handler, Runtime: python3.12}}
        """)
    )
    [route] = template.routes
    assert (route.method, route.path, route.stage, route.payload) == ("GET", "/orders/{id}", "live", "1.0")
    assert route.target == Target(kind="function", name="It")
    assert template.not_run == ()


def test_routes_of_an_http_api_s_own_resources_are_routes(read: Read) -> None:
    template = read(
        resources("""
          Api: {Type: AWS::ApiGatewayV2::Api}
          ToIt:
            Type: AWS::ApiGatewayV2::Integration
            Properties: {ApiId: !Ref Api, IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt It.Arn,
                         PayloadFormatVersion: '2.0'}
          ToFlow:
            Type: AWS::ApiGatewayV2::Integration
            Properties:
              ApiId: !Ref Api
              IntegrationType: AWS_PROXY
              IntegrationSubtype: StepFunctions-StartExecution
              RequestParameters: {StateMachineArn: !Ref Flow, Input: $request.body}
          Get: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref Api, RouteKey: 'GET /it',
                Target: !Join [/, [integrations, !Ref ToIt]]}}
          Post: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref Api, RouteKey: 'POST /flow',
                 Target: !Sub 'integrations/${ToFlow}'}}
          It: {Type: AWS::Lambda::Function, Properties: {Code: src, Handler: app.handler, Runtime: python3.12}}
        """)
    )
    get, post = template.routes
    assert (get.method, get.path, get.payload, get.target.name) == ("GET", "/it", "2.0", "It")
    assert (post.method, post.path, post.sync, post.target) == (
        "POST",
        "/flow",
        False,
        Target(kind="machine", name="Flow"),
    )


def test_the_url_of_a_function_is_told_as_not_run(read: Read) -> None:
    template = read(
        """
        Resources:
          It:
            Type: AWS::Serverless::Function
            Properties: {CodeUri: src, Handler: app.handler, Runtime: python3.12, FunctionUrlConfig: {AuthType: NONE}}
        """
    )
    assert [str(item) for item in template.not_run] == ["It (function URL)"]


def test_a_window_that_is_no_number_names_its_place(read: Read) -> None:
    target = {"Arn": {"Fn::GetAtt": ["F", "Arn"]}, "RoleArn": "arn:aws:iam::123456789012:role/r"}
    function = {"Type": "AWS::Lambda::Function", "Properties": {"Handler": "a.b", "Runtime": "python3.12"}}
    function["Properties"] |= {"Code": {"ZipFile": "def b(e, c): pass"}}
    window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": "soon"}
    schedule = {"ScheduleExpression": "rate(1 hour)", "FlexibleTimeWindow": window, "Target": target}
    resources = {"F": function, "S": {"Type": "AWS::Scheduler::Schedule", "Properties": schedule}}
    with pytest.raises(TemplateFaults, match="'soon' is no whole number of minutes"):
        read(json.dumps({"Resources": resources}), name="template.json")
