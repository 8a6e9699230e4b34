"""The functions of a server, called by the clients of AWS Lambda: boto3 and the AWS CLI."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from stepwell.tasks.call_log import unframed
from tests.patience import PATIENCE, until
from tests.server import Server, serving

ROOT = Path(__file__).parents[2]
ARN = "arn:aws:lambda:us-east-1:123456789012:function:Greet"
LATER = "arn:aws:states:us-east-1:lambda:stateMachine:InvokeLater"
APP = """
import json
import os
import time
from pathlib import Path

import boto3

from stepwell import EventCalls, Stepwell

app = Stepwell()
app.machine("later.asl.json")


@app.function("Greet", timeout=30, concurrency=2, environment={"GREETING": "good day"})
def greet(event, context):
    print("greeting")
    return {"event": event, "arn": context.invoked_function_arn, "id": context.aws_request_id,
            "custom": context.client_context and context.client_context.custom}


@app.function("Refuse")
def refuse(event, context):
    raise ValueError("not today")


@app.function("Leave")
def leave(event, context):
    print("leaving")
    os._exit(3)


@app.function("Note")
def note(event, context):
    time.sleep(event.get("pause", 0))
    with Path(event["file"]).open("a") as file:
        file.write(context.aws_request_id + "\\n")
    if event.get("fails"):
        raise RuntimeError("again")


@app.function("Break", events=EventCalls(retries=0, on_failure="Tell"))
def fails(event, context):
    raise ValueError(event["file"])


@app.function("Succeed", events=EventCalls(on_success="Tell"))
def succeeds(event, context):
    return event


@app.function("Tell")
def tell(record, context):
    file = Path(record["requestPayload"]["file"])
    file.with_suffix(".new").write_text(json.dumps({**record, "id": context.aws_request_id}))
    file.with_suffix(".new").rename(file)


@app.function("Size")
def size(event, context):
    Path(event["file"]).write_text(str(len(event["text"])))


@app.function("CallsGreet")
def calls_greet(event, context):
    return json.load(boto3.client("lambda").invoke(FunctionName="Greet", Payload=b"1")["Payload"])["event"]
"""
MACHINE = {
    "StartAt": "Call",
    "States": {
        "Call": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "Note", "InvocationType": "Event", "Payload.$": "$"},
            "ResultSelector": {"status.$": "$.StatusCode"},
            "End": True,
        }
    },
}


def write_app(folder: Path) -> None:
    (folder / "shop.py").write_text(APP)
    (folder / "later.asl.json").write_text(json.dumps(MACHINE))


def environment(folder: Path) -> dict[str, str]:
    """Without a word of the user's own AWS, so that nothing but the server is reached."""
    return {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "HOME": str(folder)}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("functions")
    write_app(folder)
    with serving(folder, ["shop:app"], environment=environment(folder)) as server:
        yield server


def client_of(server: Server, service: str = "lambda"):
    return boto3.client(
        service,
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        config=Config(retries={"max_attempts": 0}, parameter_validation=False),
    )


@pytest.fixture(scope="module")
def functions(server: Server):
    return client_of(server)


def refusal(call, **arguments) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize("name", ["Greet", "123456789012:function:Greet", ARN])
def test_a_function_is_called_by_every_form_of_its_name(functions, name: str) -> None:
    answer = functions.invoke(FunctionName=name, Payload=json.dumps({"name": "Ada"}))
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert "FunctionError" not in answer
    told = json.load(answer["Payload"])
    assert told == {
        "event": {"name": "Ada"},
        "arn": ARN,
        "id": answer["ResponseMetadata"]["RequestId"],
        "custom": None,
    }


@pytest.mark.parametrize("asked", [{"FunctionName": f"{ARN}:3"}, {"FunctionName": "Greet", "Qualifier": "3"}])
def test_a_qualifier_comes_with_the_name_or_beside_it(functions, asked: dict) -> None:
    answer = functions.invoke(**asked)
    assert answer["ExecutedVersion"] == "3"
    assert json.load(answer["Payload"])["arn"] == f"{ARN}:3"


def test_a_call_without_a_payload_gets_an_empty_object(functions) -> None:
    assert json.load(functions.invoke(FunctionName="Greet")["Payload"])["event"] == {}


def test_a_client_context_reaches_the_handler(functions) -> None:
    given = base64.b64encode(json.dumps({"custom": {"a": 1}}).encode()).decode()
    assert json.load(functions.invoke(FunctionName="Greet", ClientContext=given)["Payload"])["custom"] == {"a": 1}
    code, _, status = refusal(functions.invoke, FunctionName="Greet", ClientContext="no base64")
    assert (code, status) == ("InvalidRequestContentException", 400)


def test_the_error_of_a_handler_is_a_payload_with_a_header(functions) -> None:
    answer = functions.invoke(FunctionName="Refuse")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    error = json.load(answer["Payload"])
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "not today")
    assert error["requestId"] == answer["ResponseMetadata"]["RequestId"]


def test_the_end_of_a_process_is_told_in_its_function_s_stead(functions) -> None:
    answer = functions.invoke(FunctionName="Leave", LogType="Tail")
    assert answer["FunctionError"] == "Unhandled"
    message = f"RequestId: {answer['ResponseMetadata']['RequestId']} Error: Runtime exited with error: exit status 3"
    assert json.load(answer["Payload"]) == {"errorType": "Runtime.ExitError", "errorMessage": message}
    assert unframed(base64.b64decode(answer["LogResult"])) == b"leaving\n"


def test_the_end_of_the_log_comes_with_the_answer_where_it_is_asked_for(functions) -> None:
    answer = functions.invoke(FunctionName="Greet", LogType="Tail")
    assert unframed(base64.b64decode(answer["LogResult"])) == b"greeting\n"
    assert "LogResult" not in functions.invoke(FunctionName="Greet")


def test_a_dry_run_calls_nothing(functions) -> None:
    answer = functions.invoke(FunctionName="Refuse", InvocationType="DryRun")
    assert (answer["StatusCode"], answer["Payload"].read()) == (204, b"")


def test_what_cannot_be_called_is_refused_in_lambda_s_words(functions) -> None:
    nobody = f"{ARN.removesuffix('Greet')}Nobody"
    assert refusal(functions.invoke, FunctionName="Nobody") == (
        "ResourceNotFoundException",
        f"Function not found: {nobody}:$LATEST",
        404,
    )
    assert refusal(functions.get_function, FunctionName="Nobody") == (
        "ResourceNotFoundException",
        f"Function not found: {nobody}",
        404,
    )
    code, message, status = refusal(functions.invoke, FunctionName="Greet", Payload=b"{no json")
    assert (code, status) == ("InvalidRequestContentException", 400)
    assert message.startswith("Could not parse request body into json: ")
    assert refusal(functions.invoke, FunctionName="Greet", InvocationType="Soon") == (
        "ValidationException",
        "1 validation error detected: Value 'Soon' at 'invocationType' failed to satisfy constraint: Member must "
        "satisfy enum value set: [Event, RequestResponse, DryRun]",
        400,
    )
    assert refusal(functions.invoke, FunctionName="no name")[0] == "ValidationException"


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("list_layers", {}),
        ("get_policy", {"FunctionName": "Greet"}),
        ("delete_function", {"FunctionName": "Greet"}),
        ("create_function", {"FunctionName": "New", "Role": "arn:aws:iam::123456789012:role/any", "Code": {}}),
        ("get_function_concurrency", {"FunctionName": "Greet"}),
        ("list_tags", {"Resource": ARN}),
        ("get_account_settings", {}),
    ],
)
def test_what_is_not_served_of_the_api_is_refused_in_the_api_s_own_form(functions, operation, members) -> None:
    code, message, status = refusal(getattr(functions, operation), **members)
    assert (code, status) == ("UnknownOperationException", 404)
    assert "of AWS Lambda's API there are Invoke, ListFunctions" in message


def test_events_have_lambda_s_sizes_at_most(functions) -> None:
    exact = json.dumps("x" * (6_291_456 - 2))
    assert functions.invoke(FunctionName="Leave", Payload=exact)["StatusCode"] == 200
    assert refusal(functions.invoke, FunctionName="Greet", Payload=f"{exact} ") == (
        "RequestTooLargeException",
        "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
        413,
    )
    large = json.dumps("x" * 1_048_576)
    assert refusal(functions.invoke, FunctionName="Greet", InvocationType="Event", Payload=large) == (
        "RequestTooLargeException",
        "1048578 byte payload is too large for the Event invocation type (limit 1048576 bytes)",
        413,
    )


def test_functions_are_listed_page_by_page_and_described(functions) -> None:
    names = []
    for page in functions.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2}):
        assert len(page["Functions"]) <= 2
        names += [function["FunctionName"] for function in page["Functions"]]
    assert names == ["Break", "CallsGreet", "Greet", "Leave", "Note", "Refuse", "Size", "Succeed", "Tell"]
    found = functions.get_function(FunctionName=ARN)
    assert found["Concurrency"] == {"ReservedConcurrentExecutions": 2}
    described = found["Configuration"]
    assert described["FunctionArn"] == ARN
    assert (described["Handler"], described["Timeout"], described["State"]) == ("shop.greet", 30, "Active")
    assert described["Environment"] == {"Variables": {"GREETING": "good day"}}
    plain = functions.get_function_configuration(FunctionName="Greet", Qualifier="3")
    assert (plain["FunctionArn"], plain["Version"]) == (f"{ARN}:3", "3")


def test_a_handler_finds_the_functions_beside_it(functions) -> None:
    assert json.load(functions.invoke(FunctionName="CallsGreet")["Payload"]) == 1


def test_foreign_hosts_and_pages_are_not_answered(server: Server) -> None:
    url = f"{server.url}/2015-03-31/functions/Greet/invocations"
    assert httpx.post(url, headers={"host": "evil.example"}, timeout=PATIENCE).status_code == 403
    refused = httpx.post(url, headers={"origin": "http://evil.example"}, timeout=PATIENCE)
    assert (refused.status_code, refused.headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
    assert httpx.post(url, headers={"origin": "null"}, timeout=PATIENCE).status_code == 403
    assert httpx.post(url, headers={"origin": "http://localhost:3000"}, timeout=PATIENCE).status_code == 200


def lines_of(path: Path, many: int) -> list[str]:
    until(lambda: path.exists() and len(path.read_text().splitlines()) >= many, lambda: f"{path} has not {many} lines")
    return path.read_text().splitlines()


def test_an_event_is_taken_at_once_and_called_under_its_request_id(functions, tmp_path: Path) -> None:
    event = json.dumps({"file": str(tmp_path / "notes")})
    answer = functions.invoke(FunctionName="Note", InvocationType="Event", Payload=event)
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    assert lines_of(tmp_path / "notes", 1) == [answer["ResponseMetadata"]["RequestId"]]


def test_an_event_that_fails_is_tried_twice_more_under_the_same_request_id(tmp_path: Path) -> None:
    write_app(tmp_path)
    with serving(tmp_path, ["shop:app", "--clock", "virtual"], environment=environment(tmp_path)) as server:
        event = json.dumps({"file": str(tmp_path / "notes"), "fails": True})
        answer = client_of(server).invoke(FunctionName="Note", InvocationType="Event", Payload=event)
        request_id = answer["ResponseMetadata"]["RequestId"]
        assert lines_of(tmp_path / "notes", 3) == [request_id] * 3
        states = client_of(server, "stepfunctions")
        arn = f"{LATER.replace(':stateMachine:', ':execution:')}:{request_id}"
        kept = httpx.post(
            server.url,
            json={"executionArn": arn},
            headers={
                "content-type": "application/x-amz-json-1.0",
                "x-amz-target": "AWSStepFunctions.DescribeExecution",
                "prefer": "wait=60",
            },
            timeout=PATIENCE,
        ).json()
        assert (kept["status"], kept["error"]) == ("FAILED", "RuntimeError")
        scheduled = [
            event["timestamp"]
            for event in states.get_execution_history(executionArn=arn)["events"]
            if event.get("taskScheduledEventDetails", {}).get("resource") == "invokeLater"
        ]
        pauses = [(after - before).total_seconds() for before, after in itertools.pairwise(scheduled)]
        assert [round(pause, -1) for pause in pauses] == [60, 120]
        listed = [machine["name"] for machine in states.list_state_machines()["stateMachines"]]
        assert listed == ["later"]


@pytest.mark.parametrize(("name", "condition"), [("Break", "RetriesExhausted"), ("Succeed", "Success")])
def test_an_event_ends_at_its_destination(functions, tmp_path: Path, name: str, condition: str) -> None:
    event = {"file": str(tmp_path / "record")}
    answer = functions.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event))
    (line,) = lines_of(tmp_path / "record", 1)
    record = json.loads(line)
    assert record["requestPayload"] == event
    assert record["requestContext"]["requestId"] == answer["ResponseMetadata"]["RequestId"] != record["id"]
    assert record["requestContext"]["condition"] == condition
    assert record["requestContext"]["functionArn"].endswith(f":function:{name}:$LATEST")


def test_an_event_may_have_a_megabyte(functions, tmp_path: Path) -> None:
    event = {"file": str(tmp_path / "size"), "text": ""}
    event["text"] = "x" * (1_048_576 - len(json.dumps(event)))
    functions.invoke(FunctionName="Size", InvocationType="Event", Payload=json.dumps(event))
    assert lines_of(tmp_path / "size", 1) == [str(len(event["text"]))]


def test_an_event_outlives_the_server_that_took_it(tmp_path: Path) -> None:
    write_app(tmp_path)
    with serving(tmp_path, ["shop:app"], environment=environment(tmp_path)) as server:
        event = json.dumps({"file": str(tmp_path / "notes"), "pause": 1})
        answer = client_of(server).invoke(FunctionName="Note", InvocationType="Event", Payload=event)
        server.kill()
    assert not (tmp_path / "notes").exists()
    with serving(tmp_path, ["shop:app"], environment=environment(tmp_path)):
        assert lines_of(tmp_path / "notes", 1) == [answer["ResponseMetadata"]["RequestId"]]


def test_a_task_that_sends_an_event_has_it_kept(server: Server, tmp_path: Path) -> None:
    states = client_of(server, "stepfunctions")
    (machine,) = states.list_state_machines()["stateMachines"]
    event = json.dumps({"file": str(tmp_path / "notes")})
    states.start_execution(stateMachineArn=machine["stateMachineArn"], input=event)
    (request_id,) = lines_of(tmp_path / "notes", 1)
    kept = states.describe_execution(executionArn=f"{LATER.replace(':stateMachine:', ':execution:')}:{request_id}")
    assert json.loads(kept["input"])["execution"].startswith("arn:aws:states:us-east-1:123456789012:execution:later:")


@pytest.mark.skipif(shutil.which("aws") is None, reason="the AWS CLI is not installed")
def test_the_aws_cli_calls_the_same_functions(server: Server, tmp_path: Path) -> None:
    def aws(*words: str):
        done = subprocess.run(
            ["aws", "lambda", "--endpoint-url", server.url, *words],
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
                "AWS_REGION": "us-east-1",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "stepwell",
                "AWS_SECRET_ACCESS_KEY": "stepwell",
            },
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    event, output = tmp_path / "event.json", tmp_path / "out.json"
    event.write_text('{"name": "Ada"}')
    told = aws(
        *("invoke", "--function-name", "Greet", "--payload", f"fileb://{event}", "--log-type", "Tail"), str(output)
    )
    assert (told["StatusCode"], unframed(base64.b64decode(told["LogResult"]))) == (200, b"greeting\n")
    assert json.loads(output.read_text())["event"] == {"name": "Ada"}
    assert len(aws("list-functions")["Functions"]) == 9
