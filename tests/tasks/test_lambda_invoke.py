"""`arn:aws:states:::lambda:invoke`."""

import base64
import json

import pytest

from stepwell.engine.dispatch import Failed, SubmitFailed, Submitted, Succeeded
from stepwell.language.model import Resource
from stepwell.tasks.call_log import unframed
from stepwell.tasks.dispatcher import TaskDispatcher
from tests.patience import come


@pytest.fixture
def outcomes(task):
    async def run(service, parameters, pattern=""):
        arn = "arn:aws:states:::lambda:invoke" + (f".{pattern}" if pattern else "")
        invoke = task(Resource(arn, "service", "lambda", "invoke", pattern), json.dumps(parameters))
        return [outcome async for outcome in TaskDispatcher(service).run(invoke)]

    return run


async def test_the_result_has_the_members_that_aws_gives_in_its_order(serve, outcomes):
    (done,) = await outcomes(serve("plain:echo"), {"FunctionName": "f", "Payload": {"status": "running"}})
    assert isinstance(done, Succeeded)
    output = json.loads(done.output)
    request_id = output["SdkResponseMetadata"]["RequestId"]
    http = output["SdkHttpMetadata"]
    date, trace = http["HttpHeaders"]["Date"], http["HttpHeaders"]["X-Amzn-Trace-Id"]
    expected = {
        "ExecutedVersion": "$LATEST",
        "Payload": {"status": "running"},
        "SdkHttpMetadata": {
            "AllHttpHeaders": {
                "X-Amz-Executed-Version": ["$LATEST"],
                "x-amzn-Remapped-Content-Length": ["0"],
                "Connection": ["keep-alive"],
                "x-amzn-RequestId": [request_id],
                "Content-Length": ["21"],
                "Date": [date],
                "X-Amzn-Trace-Id": [trace],
                "Content-Type": ["application/json"],
            },
            "HttpHeaders": {
                "Connection": "keep-alive",
                "Content-Length": "21",
                "Content-Type": "application/json",
                "Date": date,
                "X-Amz-Executed-Version": "$LATEST",
                "x-amzn-Remapped-Content-Length": "0",
                "x-amzn-RequestId": request_id,
                "X-Amzn-Trace-Id": trace,
            },
            "HttpStatusCode": 200,
        },
        "SdkResponseMetadata": {"RequestId": request_id},
        "StatusCode": 200,
    }
    assert done.output == json.dumps(expected, separators=(",", ":"))


@pytest.mark.parametrize("name", ["f", "f:live", "arn:aws:lambda:us-east-1:1:function:f", "123456789012:function:f"])
async def test_the_function_is_named_in_any_form_that_lambda_takes(serve, outcomes, name):
    (done,) = await outcomes(serve("plain:echo"), {"FunctionName": name, "Payload": "HelloWorld"})
    assert json.loads(done.output)["Payload"] == "HelloWorld"


async def test_without_a_payload_the_event_is_an_empty_object(serve, outcomes):
    (done,) = await outcomes(serve("plain:echo"), {"FunctionName": "f"})
    assert json.loads(done.output)["Payload"] == {}


async def test_a_version_is_reported_as_executed(serve, outcomes):
    (done,) = await outcomes(serve("plain:echo"), {"FunctionName": "f", "Qualifier": "7"})
    assert json.loads(done.output)["ExecutedVersion"] == "7"


async def test_an_error_has_the_functions_name_and_its_payload_as_compact_json(serve, outcomes):
    (failed,) = await outcomes(serve("plain:raises"), {"FunctionName": "f"})
    assert isinstance(failed, Failed)
    assert failed.error == "Exception"
    assert failed.cause.startswith('{"errorMessage":"Some exception was raised.","errorType":"Exception","requestId":"')


async def test_a_function_that_does_not_exist_fails_with_lambdas_words(serve, outcomes):
    (failed,) = await outcomes(serve("plain:echo"), {"FunctionName": "no_such"})
    assert failed.error == "Lambda.ResourceNotFoundException"
    assert failed.cause.startswith(
        "Function not found: arn:aws:lambda:us-east-1:123456789012:function:no_such:$LATEST (Service: AWSLambda; "
        "Status Code: 404; Error Code: ResourceNotFoundException; Request ID: "
    )
    assert failed.cause.endswith("; Proxy: null)")


async def test_without_a_function_name_the_task_cannot_be_started(serve, outcomes):
    assert await outcomes(serve("plain:echo"), {"Payload": 1}) == [
        Failed(
            "States.Runtime",
            "The Parameters '{\"Payload\": 1}' could not be used to start the Task: "
            "[The field 'FunctionName' is required but was missing]",
        )
    ]


async def test_an_event_is_answered_at_once_and_carried_out_beside(serve, outcomes, tmp_path):
    payload = {"file": str(tmp_path / "notes"), "text": "done"}
    parameters = {"FunctionName": "f", "InvocationType": "Event", "Payload": payload}
    (done,) = await outcomes(serve("plain:notes"), parameters)
    assert json.loads(done.output)["StatusCode"] == 202
    await come((tmp_path / "notes").exists)


async def test_a_dry_run_calls_nothing(serve, outcomes):
    service = serve("plain:echo")
    (done,) = await outcomes(service, {"FunctionName": "f", "InvocationType": "DryRun"})
    assert json.loads(done.output)["StatusCode"] == 204
    assert service.pids() == ()


async def test_an_invocation_type_that_lambda_does_not_know_is_refused(serve, outcomes):
    (failed,) = await outcomes(serve("plain:echo"), {"FunctionName": "f", "InvocationType": "Later"})
    assert failed.error == "Lambda.ValidationException"


async def test_the_end_of_the_log_and_the_client_context_go_as_base64(serve, outcomes):
    (done,) = await outcomes(serve("plain:prints_a_long_line"), {"FunctionName": "f", "Payload": 10, "LogType": "Tail"})
    assert unframed(base64.b64decode(json.loads(done.output)["LogResult"])) == b"x" * 10 + b"\n"
    context = base64.b64encode(b'{"custom":{"a":1}}').decode()
    (done,) = await outcomes(serve("plain:describe"), {"FunctionName": "f", "ClientContext": context})
    assert json.loads(done.output)["Payload"]["custom"] == {"a": 1}


async def test_with_a_task_token_the_answer_only_submits(serve, outcomes):
    parameters = {"FunctionName": "f", "Payload": "x"}
    (submitted,) = await outcomes(serve("plain:echo"), parameters, "waitForTaskToken")
    assert isinstance(submitted, Submitted)
    assert json.loads(submitted.output)["Payload"] == "x"


async def test_with_a_task_token_a_function_that_fails_ends_the_wait(serve, outcomes):
    (failed,) = await outcomes(serve("plain:raises"), {"FunctionName": "f"}, "waitForTaskToken")
    assert (type(failed), failed.error) == (Failed, "Exception")


async def test_with_a_task_token_a_call_that_is_refused_fails_to_submit(serve, outcomes):
    (failed,) = await outcomes(serve("plain:echo"), {"FunctionName": "g"}, "waitForTaskToken")
    assert (type(failed), failed.error) == (SubmitFailed, "Lambda.ResourceNotFoundException")
