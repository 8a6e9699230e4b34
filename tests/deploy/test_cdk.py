"""What CDK synthesises: code and definitions are assets beside the template."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from stepwell.deploy.description import Elsewhere, Folder, Template
from tests.deploy.conftest import PASSES

Read = Callable[..., Template]

BUCKET = {"Fn::Sub": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"}
FLOW = {
    "Type": "AWS::StepFunctions::StateMachine",
    "Properties": {"DefinitionS3Location": {"Bucket": BUCKET, "Key": "d1.json"}, "StateMachineType": "EXPRESS"},
}


def function(**metadata: str) -> dict[str, Any]:
    code = {"S3Bucket": BUCKET, "S3Key": "c1.zip"}
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {"Code": code, "Handler": "app.handler", "Runtime": "python3.12"},
        "Metadata": metadata,
    }


def synthesised(**resources: object) -> str:
    bootstrap = {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/cdk-bootstrap/hnb659fds/version"}
    return json.dumps({"Resources": resources, "Parameters": {"BootstrapVersion": bootstrap}})


def asset(path: str, key: str) -> dict[str, object]:
    return {"source": {"path": path}, "destinations": {"here": {"bucketName": "b", "objectKey": key}}}


NAME = "Shop.template.json"


def test_assets_are_found_by_the_assembly_s_own_list(read: Read) -> None:
    listed = {"files": {"c1": asset("asset.code", "c1.zip"), "d1": asset("asset.flow.json", "d1.json")}}
    template = read(
        synthesised(Check=function(), Flow=FLOW),
        name=NAME,
        **{"Shop.assets.json": json.dumps(listed), "asset.code/app.py": "", "asset.flow.json": PASSES},
    )
    [check] = template.functions
    assert isinstance(check.code, Folder)
    assert check.code.path.name == "asset.code"
    [flow] = template.machines
    assert (flow.definition, flow.type) == (PASSES, "EXPRESS")


@pytest.mark.parametrize("metadata", [{"aws:asset:path": "asset.c1"}, {}])
def test_without_a_list_they_are_found_beside_the_template(read: Read, metadata: dict[str, str]) -> None:
    template = read(synthesised(Check=function(**metadata)), name=NAME, **{"asset.c1/app.py": ""})
    [check] = template.functions
    assert isinstance(check.code, Folder)
    assert check.code.path.name == "asset.c1"


def test_the_stack_has_the_name_that_cdk_gave_it(read: Read) -> None:
    queue = {"Type": "AWS::SQS::Queue"}
    told = {"Type": "AWS::StepFunctions::Activity", "Properties": {"Name": {"Fn::GetAtt": ["Q", "QueueName"]}}}
    assert read(synthesised(Q=queue, Told=told), name=NAME).activities == ("Shop-Q",)


def test_the_version_of_the_bootstrap_is_nobody_s_concern(read: Read) -> None:
    assert read(synthesised(), name=NAME).notes == ()


def test_an_asset_that_is_not_there_is_told(read: Read) -> None:
    [check] = read(synthesised(Check=function()), name=NAME).functions
    assert isinstance(check.code, Elsewhere)
    assert check.code.reason.endswith("there is no such asset beside the template")


def test_no_list_leads_out_of_the_assembly(read: Read) -> None:
    listed = {"files": {"c1": asset("../../../../../../etc", "c1.zip")}}
    [check] = read(synthesised(Check=function()), name=NAME, **{"Shop.assets.json": json.dumps(listed)}).functions
    assert isinstance(check.code, Elsewhere)
