"""Real clients with right and wrong access keys, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import httpx
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from stepwell.auth.signer import Signer
from tests.auth.conftest import SECRET, Guarded
from tests.patience import PATIENCE

PASS = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
ROLE = "arn:aws:iam::123456789012:role/x"
WRONG = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
LIST = {"x-amz-target": "AWSStepFunctions.ListStateMachines", "content-type": "application/x-amz-json-1.0"}


def client(
    server: Guarded, id: str = "AKIAFULL", secret: str = SECRET, service: str = "stepfunctions", **more: Any
) -> Any:
    return boto3.client(
        service,
        endpoint_url=server.url,
        region_name=more.pop("region", "eu-west-1"),
        aws_access_key_id=id,
        aws_secret_access_key=secret,
        config=Config(retries={"max_attempts": 0}, inject_host_prefix=False),
        **more,
    )


def refusal(call: Callable[[], object]) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as refused:
        call()
    answer = refused.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_a_call_that_is_signed_with_a_known_key_is_answered(server: Guarded) -> None:
    sfn = client(server)
    made = sfn.create_state_machine(name="signed", definition=PASS, roleArn=ROLE)
    assert made["stateMachineArn"] == "arn:aws:states:eu-west-1:123456789012:stateMachine:signed"
    started = sfn.start_execution(stateMachineArn=made["stateMachineArn"], input='{"text": "größer"}')
    assert started["executionArn"].startswith("arn:aws:states:eu-west-1:123456789012:execution:signed:")


def test_an_unknown_access_key_is_unrecognized(server: Guarded) -> None:
    assert refusal(client(server, "AKIANOBODY").list_state_machines) == (
        "UnrecognizedClientException",
        "The security token included in the request is invalid.",
        400,
    )


def test_a_wrong_secret_makes_an_invalid_signature(server: Guarded) -> None:
    sfn = client(server, secret="not-the-secret-of-this-key")
    assert refusal(sfn.list_state_machines) == ("InvalidSignatureException", WRONG, 400)


def test_a_request_without_a_signature_is_missing_its_token(server: Guarded) -> None:
    answer = httpx.post(server.url, headers=LIST, content=b"{}", timeout=PATIENCE)
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "__type": "com.amazon.coral.service#MissingAuthenticationTokenException",
            "message": "Missing Authentication Token",
        },
    )


def test_a_header_that_is_no_signature_is_incomplete(server: Guarded) -> None:
    answer = httpx.post(server.url, headers=LIST | {"authorization": "Bearer abc"}, content=b"{}", timeout=PATIENCE)
    assert answer.json()["__type"].endswith("#IncompleteSignatureException")
    assert answer.json()["message"].startswith("Authorization header requires 'Credential' parameter.")


@pytest.mark.parametrize("minutes", [4, -4])
def test_a_clock_that_is_off_by_less_than_five_minutes_does(server: Guarded, minutes: int) -> None:
    server.skew = minutes * 60
    client(server).list_state_machines()


@pytest.mark.parametrize(("minutes", "text"), [(6, "Signature expired: "), (-6, "Signature not yet current: ")])
def test_a_clock_that_is_off_by_more_is_told_both_times(server: Guarded, minutes: int, text: str) -> None:
    server.skew = minutes * 60
    code, message, _ = refusal(client(server).list_state_machines)
    assert (code, message.startswith(text), "5 min.)" in message) == ("InvalidSignatureException", True, True)


def test_a_session_token_is_passed_over_unless_the_key_has_one(server: Guarded) -> None:
    client(server, aws_session_token="any").list_state_machines()
    secret = "a-third-secret-with-a-session"
    client(server, "ASIASESSION", secret, aws_session_token="the/session+token==").list_state_machines()
    wrong = client(server, "ASIASESSION", secret, aws_session_token="another")
    assert refusal(wrong.list_state_machines)[0] == "UnrecognizedClientException"
    assert refusal(client(server, "ASIASESSION", secret).list_state_machines)[0] == "UnrecognizedClientException"


# -- roles


def test_who_may_only_read_describes_and_lists(server: Guarded) -> None:
    arn = client(server).create_state_machine(name="read", definition=PASS, roleArn=ROLE)["stateMachineArn"]
    reader = client(server, "AKIAREAD", "a-second/secret+of-a-reader")
    assert reader.describe_state_machine(stateMachineArn=arn)["name"] == "read"
    assert reader.list_executions(stateMachineArn=arn)["executions"] == []


def test_who_may_only_read_is_denied_the_rest_in_the_words_of_aws(server: Guarded) -> None:
    reader = client(server, "AKIAREAD", "a-second/secret+of-a-reader")
    arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:read"
    assert refusal(lambda: reader.start_execution(stateMachineArn=arn)) == (
        "AccessDeniedException",
        "User: arn:aws:iam::123456789012:user/auditor is not authorized to perform: states:StartExecution on resource: "
        f"{arn} because no identity-based policy allows the states:StartExecution action",
        400,
    )


@pytest.mark.parametrize(
    ("operation", "members", "resource"),
    [
        ("create_state_machine", {"name": "n", "definition": PASS, "roleArn": ROLE}, "stateMachine:n"),
        ("get_activity_task", {"activityArn": "arn:aws:states:eu-west-1:123456789012:activity:a"}, "activity:a"),
        ("send_task_success", {"taskToken": "t", "output": "{}"}, "stateMachine:*"),
        ("send_task_heartbeat", {"taskToken": "t"}, "stateMachine:*"),
        ("test_state", {"definition": PASS, "roleArn": ROLE}, "stateMachine:*"),
    ],
)
def test_work_that_is_taken_or_ended_is_no_reading(
    server: Guarded, operation: str, members: dict[str, str], resource: str
) -> None:
    reader = client(server, "AKIAREAD", "a-second/secret+of-a-reader")
    code, message, _ = refusal(lambda: getattr(reader, operation)(**members))
    assert code == "AccessDeniedException"
    assert f"on resource: arn:aws:states:eu-west-1:123456789012:{resource} because" in message


def test_the_lambda_api_takes_signatures_for_lambda_and_refuses_in_its_own_form(server: Guarded) -> None:
    nobody = client(server, "AKIANOBODY", service="lambda")
    assert refusal(nobody.list_functions)[::2] == ("UnrecognizedClientException", 403)
    reader = client(server, "AKIAREAD", "a-second/secret+of-a-reader", "lambda")
    code, message, status = refusal(lambda: reader.invoke(FunctionName="f"))
    assert (code, status) == ("AccessDeniedException", 403)
    assert "lambda:InvokeFunction on resource: arn:aws:lambda:eu-west-1:123456789012:function:f because" in message


# -- what a signature covers


def signed(server: Guarded, body: bytes = b"{}", service: str = "states", **headers: str) -> AWSRequest:
    request = AWSRequest("POST", server.url + "/", headers=LIST | headers, data=body)
    SigV4Auth(Credentials("AKIAFULL", SECRET), service, "eu-west-1").add_auth(request)
    return request


def sent(server: Guarded, request: AWSRequest, **changes: Any) -> tuple[int, str]:
    prepared = request.prepare()
    headers = httpx.Headers(dict(prepared.headers))
    headers.update(changes.pop("headers", {}))
    del headers["content-length"]
    answer = httpx.post(prepared.url, headers=headers, content=changes.pop("body", prepared.body), timeout=PATIENCE)
    return answer.status_code, answer.json().get("message", "")


def test_an_untouched_request_is_answered(server: Guarded) -> None:
    assert sent(server, signed(server))[0] == 200


def test_another_body_another_operation_and_another_header_break_the_signature(server: Guarded) -> None:
    for change in (
        {"body": b'{"maxResults": 1}'},
        {"headers": {"x-amz-target": "AWSStepFunctions.ListActivities"}},
        {"headers": {"X-Amz-Date": "20200101T000000Z"}},
        {"headers": {"content-type": "application/x-amz-json-1.1"}},
    ):
        status, message = sent(server, signed(server), **change)
        assert status == 400, change
        assert message == WRONG or "does not match" in message, change


def test_a_header_of_aws_that_is_not_signed_is_refused(server: Guarded) -> None:
    status, message = sent(server, signed(server), headers={"x-amz-more": "1"})
    assert (status, message) == (400, "'x-amz-more' must be a 'SignedHeader' in the AWS Authorization.")


def test_two_operations_in_one_request_are_refused(server: Guarded) -> None:
    headers = [*LIST.items(), ("x-amz-target", "AWSStepFunctions.CreateActivity")]
    answer = httpx.post(server.url, headers=headers, content=b"{}", timeout=PATIENCE)
    assert answer.json()["message"] == "'X-Amz-Target' must not be repeated."


def test_the_unsigned_and_chunked_payloads_of_s3_are_refused(server: Guarded) -> None:
    for stated in ("UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"):
        status, message = sent(server, signed(server, **{"X-Amz-Content-SHA256": stated}))
        assert status == 400
        assert message.startswith(f"The payload must be signed: '{stated}'")


def test_a_signature_for_another_service_is_refused(server: Guarded) -> None:
    status, message = sent(server, signed(server, service="sqs"))
    assert (status, message) == (400, "Credential should be scoped to correct service: 'states'. ")


def test_a_presigned_address_is_answered_until_it_expires(server: Guarded) -> None:
    request = AWSRequest("GET", f"{server.url}/logs?limit=10&name=a%20b/c")
    SigV4QueryAuth(Credentials("AKIAREAD", "a-second/secret+of-a-reader"), "states", "eu-west-1", 600).add_auth(request)
    url = request.prepare().url
    assert httpx.get(url, timeout=PATIENCE).json() == {"name": "auditor", "role": "read-only", "how": "access key"}
    assert httpx.get(url.replace("limit=10", "limit=11"), timeout=PATIENCE).json()["message"] == WRONG
    server.skew = 601
    assert httpx.get(url, timeout=PATIENCE).json()["message"].startswith("Signature expired: ")


def test_the_signer_of_the_commands_signs_as_botocore_does(server: Guarded) -> None:
    signer = Signer("AKIAFULL", SECRET, "a-session", "eu-central-1")
    for url in ("/logs?b=2&a=1%2F2&a=0&c=", "/express/arn%3Aaws%3Astates", "/guarded"):
        headers = signer.sign("GET", server.url + url, {"Content-Type": "text/plain"})
        answer = httpx.get(server.url + url, headers=headers, timeout=PATIENCE)
        assert answer.status_code != 403, answer.text
        assert answer.status_code != 401 or url == "/guarded", answer.text
