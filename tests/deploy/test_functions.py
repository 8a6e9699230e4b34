"""Functions of templates: code, layers, environment, limits, and those that cannot run here."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from stepwell.deploy.description import Archive, Elsewhere, Folder, FunctionSpec, Inline, Template
from stepwell.deploy.template import TemplateFaults
from stepwell.deploy.unpacked import folder_of
from stepwell.tasks.kinds.event_calls import EventCalls

Read = Callable[..., Template]


@pytest.fixture
def function(read: Read) -> Callable[..., FunctionSpec]:
    """The function that these properties make; `sections` stand beside its resource."""

    def function_of(properties: str, *, type: str = "AWS::Serverless::Function", sections: str = "", **files: str):
        text = f"{sections}\nResources:\n  It:\n    Type: {type}\n    Properties: {{{properties}}}\n"
        [found] = [spec for spec in read(text, **files).functions if spec.logical_id == "It"]
        return found

    return function_of


def test_what_is_left_out_is_what_aws_takes(function: Callable[..., FunctionSpec]) -> None:
    found = function("CodeUri: src/, Handler: app.handler, Runtime: python3.12")
    assert (found.name, found.timeout, found.memory, found.concurrency) == ("It", 3.0, 128, None)
    assert isinstance(found.code, Folder)
    assert (found.code.path / "app.py").is_file()


def test_limits_name_and_environment_are_read(function: Callable[..., FunctionSpec]) -> None:
    found = function(
        "CodeUri: src/, Handler: app.handler, Runtime: python3.12, FunctionName: !Sub 'x-${AWS::Region}', Timeout: 30,"
        " MemorySize: 256, ReservedConcurrentExecutions: 0,"
        " Environment: {Variables: {A: 1, B: true, C: !Ref AWS::Region}}"
    )
    assert (found.name, found.timeout, found.memory, found.concurrency) == ("x-eu-west-1", 30.0, 256, 0)
    assert found.environment == {"A": "1", "B": "true", "C": "eu-west-1"}


def test_event_calls_are_read_from_sam_and_from_cloudformation(function: Callable[..., FunctionSpec]) -> None:
    found = function(
        "CodeUri: src/, Handler: app.handler, Runtime: python3.12, DeadLetterQueue: {Type: SQS, TargetArn: !Sub"
        " 'arn:aws:sqs:${AWS::Region}:${AWS::AccountId}:lost'}, EventInvokeConfig: {MaximumRetryAttempts: 1,"
        " MaximumEventAgeInSeconds: 600, DestinationConfig: {OnFailure: {Type: Lambda,"
        " Destination: 'arn:aws:lambda:eu-west-1:123456789012:function:Cleanup'}}}"
    )
    lost = "arn:aws:sqs:eu-west-1:123456789012:lost"
    cleanup = "arn:aws:lambda:eu-west-1:123456789012:function:Cleanup"
    assert found.events == EventCalls(retries=1, max_age=600, on_failure=cleanup, dead_letter=lost)
    found = function(
        f"Code: src, Handler: app.handler, Runtime: python3.12, DeadLetterConfig: {{TargetArn: '{lost}'}}",
        type="AWS::Lambda::Function",
    )
    assert found.events == EventCalls(dead_letter=lost)


@pytest.mark.parametrize("target", ["{Type: S3, Destination: 'arn:aws:s3:::bucket'}", "{Type: SQS}"])
def test_a_destination_that_nothing_here_reaches_is_told(function: Callable[..., FunctionSpec], target: str) -> None:
    found = function(
        "CodeUri: src/, Handler: app.handler, Runtime: python3.12,"
        f" EventInvokeConfig: {{DestinationConfig: {{OnFailure: {target}}}}}"
    )
    assert found.events == EventCalls()
    assert found.notes[0].startswith("on_failure of its event calls is not done here: ")


def test_globals_are_merged_below_the_function_s_own(function: Callable[..., FunctionSpec]) -> None:
    found = function(
        "CodeUri: src/, Handler: app.handler, Environment: {Variables: {B: own}}",
        sections="Globals:\n  Function: {Runtime: python3.12, Timeout: 9, Environment: {Variables: {A: all, B: all}}}",
    )
    assert (found.runtime, found.timeout, found.environment) == ("python3.12", 9.0, {"A": "all", "B": "own"})


def test_globals_are_sam_s_and_touch_no_function_of_cloudformation(function: Callable[..., FunctionSpec]) -> None:
    found = function(
        "Code: src, Handler: app.handler, Runtime: python3.12",
        type="AWS::Lambda::Function",
        sections="Globals: {Function: {Timeout: 9}}",
    )
    assert found.timeout == 3.0


@pytest.mark.parametrize(
    ("type", "property"),
    [("AWS::Serverless::Function", "InlineCode: 'x = 1'"), ("AWS::Lambda::Function", "Code: {ZipFile: 'x = 1'}")],
)
def test_inline_code_is_the_module_index(function: Callable[..., FunctionSpec], type: str, property: str) -> None:
    found = function(f"{property}, Handler: index.handler, Runtime: python3.12", type=type)
    assert found.code == Inline("x = 1")


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ("PackageType: Image", "its code is a container image"),
        ("CodeUri: src/, Handler: a.B::c, Runtime: java21", "its runtime is java21"),
        ("CodeUri: target/x.jar, Handler: a.B, Runtime: java21", "there is no "),
        ("CodeUri: s3://bucket/key.zip, Handler: app.handler, Runtime: python3.12", "its code is in S3"),
        ("CodeUri: {Bucket: b, Key: k.zip}, Handler: app.handler, Runtime: python3.12", "its code is in S3 (s3://b/k.zip)"),
        ("CodeUri: src/, Handler: other.handler, Runtime: python3.12", "its handler's module 'other' is not in"),
        ("CodeUri: ts/, Handler: app.handler, Runtime: nodejs22.x", "its handler is written in TypeScript (app.ts)"),
    ],
)  # fmt: skip
def test_a_function_that_cannot_run_here_says_why(
    function: Callable[..., FunctionSpec], properties: str, reason: str
) -> None:
    found = function(properties, ts__x="", **{"ts/app.ts": ""})
    assert isinstance(found.code, Elsewhere)
    assert found.code.reason.startswith(reason)


def test_code_that_is_not_there_is_a_fault(faults: Callable[..., str]) -> None:
    told = faults(
        """
        Resources:
          It:
            Type: AWS::Serverless::Function
            Properties: {CodeUri: sorce/, Handler: app.handler, Runtime: python3.12}
        """
    )
    assert told.startswith("It.CodeUri: there is no ")
    assert told.endswith("sorce. Correct the path; it is relative to the template.")


def test_layers_of_the_template_are_folders_and_others_are_told(read: Read) -> None:
    template = read(
        """
        Resources:
          Common: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer/}}
          It:
            Type: AWS::Serverless::Function
            Properties:
              CodeUri: src/
              Handler: app.handler
              Runtime: python3.12
              Layers: [!Ref Common, 'arn:aws:lambda:eu-west-1:1:layer:Other:7']
        """,
        **{"layer/python/common.py": "X = 1"},
    )
    [function] = template.functions
    assert [layer.path.name for layer in function.layers] == ["layer"]
    assert template.notes == (
        "It: the layer arn:aws:lambda:eu-west-1:1:layer:Other:7 is not in this template, and is left out",
    )
    assert {path.name for path in template.files} == {"template.yaml", "src", "layer"}


def test_a_layer_may_be_named_by_a_condition(read: Read) -> None:
    text = """
        Conditions: {{IsMine: !Equals [a, a]}}
        Resources:
          Common: {{Type: AWS::Serverless::LayerVersion, Properties: {{ContentUri: layer/}}}}
          It:
            Type: AWS::Serverless::Function
            Properties: {{CodeUri: src/, Handler: app.handler, Runtime: python3.12, Layers: {layers}}}
        """
    for layers in ("!If [IsMine, [!Ref Common], []]", "[!If [IsMine, !Ref Common, !Ref AWS::NoValue]]"):
        template = read(
            text.format(layers=layers),
            **{"layer/python/common.py": "X = 1"},
        )
        assert [[layer.path.name for layer in function.layers] for function in template.functions] == [["layer"]]
        assert template.notes == ()


def test_a_layer_without_content_is_told_and_layers_are_a_list(read: Read, faults: Callable[..., str]) -> None:
    text = """
        Resources:
          Common: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: nowhere/}}
          It:
            Type: AWS::Serverless::Function
            Properties: {CodeUri: src/, Handler: app.handler, Runtime: python3.12, Layers: [!Ref Common]}
        """
    [note] = read(text).notes
    assert note.startswith("It: the layer Common is left out: there is no ")
    assert note.endswith("nowhere")
    assert faults(text.replace("[!Ref Common]", "Common")) == "It.Layers: it is a list of layers, not 'Common'."


def test_an_archive_is_unpacked_once_and_writes_nothing_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", "x = 1")
        archive.writestr("../../../outside.py", "x = 2")
    (tmp_path / "code.zip").write_bytes(packed.getvalue())
    folder = folder_of(Archive(tmp_path / "code.zip"), "python3.12")
    assert (folder / "app.py").read_text() == "x = 1"
    assert not list(tmp_path.glob("outside.py"))
    assert not list(tmp_path.glob("cache/**/.new-*"))
    assert folder_of(Archive(tmp_path / "code.zip"), "python3.12") == folder


def test_inline_code_becomes_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert (folder_of(Inline("x = 1"), "python3.12") / "index.py").read_text() == "x = 1"
    assert (folder_of(Inline("x = 1"), "nodejs22.x") / "index.js").read_text() == "x = 1"


def test_a_layer_that_names_nothing_is_no_stack_trace(read: Read) -> None:
    function = {"Type": "AWS::Lambda::Function", "Properties": {"Handler": "a.b", "Runtime": "python3.12"}}
    function["Properties"] |= {"Code": {"ZipFile": "def b(e, c): pass"}, "Layers": [{"Fn::GetAtt": []}]}
    with pytest.raises(TemplateFaults):
        read(json.dumps({"Resources": {"F": function}}), name="template.json")
