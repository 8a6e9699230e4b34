"""AWS services as tasks: what goes over the wire, and what comes back to the state machine."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import pytest

from stepwell.engine.dispatch import Failed, Outcome, SubmitFailed, Submitted, Succeeded
from stepwell.tasks.aws.client import AwsClients
from tests.tasks.aws.conftest import XML, Endpoint

Call = Callable[..., Awaitable[Outcome]]


def result(outcome: Outcome) -> object:
    assert isinstance(outcome, Succeeded | Submitted), outcome
    return json.loads(outcome.output)


# -- results


async def test_the_result_of_an_sdk_integration_is_the_answer_and_nothing_else(endpoint: Endpoint, call: Call) -> None:
    endpoint.answer('{"ScannedCount": 1, "Items": [{"id": {"S": "1"}}], "Count": 1}')
    outcome = await call("aws-sdk:dynamodb:query", '{"TableName": "t"}')
    assert outcome == Succeeded('{"Count":1,"Items":[{"id":{"S":"1"}}],"ScannedCount":1}')
    assert json.loads(endpoint.requests[0].body) == {"TableName": "t"}


async def test_the_result_of_an_optimised_integration_tells_about_the_http_answer(
    endpoint: Endpoint, call: Call
) -> None:
    endpoint.answer('{"Item": {"id": {"S": "1"}}}', Server="Server")
    outcome = await call("dynamodb:getItem", '{"TableName": "t", "Key": {"id": {"S": "1"}}}')
    assert result(outcome) == {
        "Item": {"id": {"S": "1"}},
        "SdkHttpMetadata": {
            "AllHttpHeaders": {
                "x-amzn-RequestId": ["r-1"],
                "Content-Type": ["application/x-amz-json-1.0"],
                "Server": ["Server"],
                "Content-Length": ["28"],
            },
            "HttpHeaders": {
                "Content-Length": "28",
                "Content-Type": "application/x-amz-json-1.0",
                "Server": "Server",
                "x-amzn-RequestId": "r-1",
            },
            "HttpStatusCode": 200,
        },
        "SdkResponseMetadata": {"RequestId": "r-1"},
    }


async def test_times_are_iso_and_what_is_streamed_is_text_at_the_end(endpoint: Endpoint, call: Call) -> None:
    endpoint.answer(
        "text data",
        type="binary/octet-stream",
        Last_Modified="Sun, 22 Nov 2026 10:00:00 GMT",
        ETag='"2b5d"',
    )
    outcome = await call("aws-sdk:s3:getObject", '{"Bucket": "b", "Key": "k"}')
    assert outcome == Succeeded(
        '{"ContentLength":9,"ContentType":"binary/octet-stream","ETag":"\\"2b5d\\"",'
        '"LastModified":"2026-11-22T10:00:00Z","Metadata":{},"Body":"text data"}'
    )
    assert endpoint.requests[0].path == "/b/k"


async def test_bytes_that_are_no_text_come_as_base64(endpoint: Endpoint, call: Call) -> None:
    endpoint.answer(b"\xff\x00", type="binary/octet-stream")
    found = result(await call("aws-sdk:s3:getObject", '{"Bucket": "b", "Key": "k"}'))
    assert isinstance(found, dict)
    assert found["Body"] == "/wA="


# -- parameters


@pytest.mark.parametrize(("body", "sent"), [('"text data"', b"text data"), ('{"a": 1}', b'{"a":1}'), ("0", b"0")])
async def test_where_a_service_takes_text_an_sdk_integration_sends_any_json_as_its_text(
    endpoint: Endpoint, call: Call, body: str, sent: bytes
) -> None:
    endpoint.answer("", type=XML)
    await call("aws-sdk:s3:putObject", f'{{"Bucket": "b", "Key": "k", "Body": {body}}}')
    assert endpoint.requests[0].body == sent


async def test_an_optimised_integration_does_so_for_the_message_only(endpoint: Endpoint, call: Call) -> None:
    endpoint.answer('{"MessageId": "m"}')
    await call("sqs:sendMessage", f'{{"QueueUrl": "{endpoint.url}/1/q", "MessageBody": {{"a": 1}}}}')
    assert json.loads(endpoint.requests[0].body)["MessageBody"] == '{"a":1}'
    outcome = await call("dynamodb:putItem", '{"TableName": "t", "Item": {"n": {"N": 1}}}')
    assert isinstance(outcome, Failed)
    assert outcome.error == "States.Runtime"
    assert outcome.cause == (
        'The Parameters \'{"TableName": "t", "Item": {"n": {"N": 1}}}\' could not be used to start the Task: '
        "[The value for the field 'N' must be a STRING]"
    )


async def test_a_null_is_for_the_service_to_judge(endpoint: Endpoint, call: Call) -> None:
    endpoint.answer(
        '{"__type": "com.amazon.coral.validate#ValidationException", "message": "Value null at \'item\'"}', 400
    )
    outcome = await call("dynamodb:putItem", '{"TableName": "t", "Item": null}')
    assert outcome == Failed(
        "DynamoDB.AmazonDynamoDBException",
        "Value null at 'item' (Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ValidationException; "
        "Request ID: r-1; Proxy: null)",
    )


@pytest.mark.parametrize(
    ("resource", "given", "sentence"),
    [
        ("aws-sdk:s3:getObject", '{"Bucket": "b"}', "The field 'Key' is required but was missing"),
        ("aws-sdk:s3:getObject", '{"Bucket": "b", "Key": null}', "The field 'Key' is required but was missing"),
        (
            "aws-sdk:rds:stopDBInstance",
            '{"DbInstanceIdentifier": "d", "DBInstanceIdentifier": "d"}',
            "The field 'DBInstanceIdentifier' is not supported by Step Functions",
        ),
        (
            "aws-sdk:sqs:receiveMessage",
            '{"QueueUrl": "q", "MaxNumberOfMessages": "1"}',
            "The value for the field 'MaxNumberOfMessages' must be a NUMBER",
        ),
    ],
)
async def test_parameters_that_cannot_be_sent_fail_the_task_before_the_call(
    endpoint: Endpoint, call: Call, resource: str, given: str, sentence: str
) -> None:
    outcome = await call(resource, given)
    assert outcome == Failed(
        "States.Runtime", f"The Parameters '{given}' could not be used to start the Task: [{sentence}]"
    )
    assert endpoint.requests == []


# -- errors


async def test_an_error_of_an_sdk_integration_has_the_name_of_its_exception(endpoint: Endpoint, call: Call) -> None:
    endpoint.answer(
        "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>",
        404,
        type="application/xml",
        x_amz_request_id="r-1",
        x_amz_id_2="h-1",
    )
    outcome = await call("aws-sdk:s3:getObject", '{"Bucket": "b", "Key": "k"}')
    assert outcome == Failed(
        "S3.NoSuchKeyException",
        "The specified key does not exist. (Service: S3, Status Code: 404, Request ID: r-1, Extended Request ID: h-1) "
        "(SDK Attempt Count: 1)",
    )


async def test_an_error_that_the_model_does_not_know_has_the_name_of_the_service(
    endpoint: Endpoint, call: Call
) -> None:
    endpoint.answer('{"__type": "ValidationException", "message": "Bad"}', 400)
    outcome = await call("aws-sdk:dynamodb:putItem", '{"TableName": "t", "Item": null}')
    assert outcome == Failed(
        "DynamoDb.DynamoDbException",
        "Bad (Service: DynamoDb, Status Code: 400, Request ID: r-1) (SDK Attempt Count: 1)",
    )


async def test_a_missing_object_is_missing_for_head_too(endpoint: Endpoint, call: Call) -> None:
    endpoint.answer("", 404, type="application/xml")
    outcome = await call("aws-sdk:s3:headObject", '{"Bucket": "b", "Key": "k"}')
    assert isinstance(outcome, Failed)
    assert outcome.error == "S3.NoSuchKeyException"


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (404, "NotFound", "SNS.NotFoundException"),
        (400, "InvalidParameter", "SNS.InvalidParameterException"),
        (403, "SignatureDoesNotMatch", "SNS.AmazonSNSException"),
    ],
)
async def test_an_error_of_an_optimised_integration_tells_the_service_s_own_code(
    endpoint: Endpoint, call: Call, status: int, code: str, error: str
) -> None:
    endpoint.answer(
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>No</Message></Error>"
        "<RequestId>r-1</RequestId></ErrorResponse>",
        status,
        type=XML,
    )
    outcome = await call("sns:publish", '{"TopicArn": "a", "Message": {"m": 1}}')
    assert outcome == Failed(
        error,
        f"No (Service: AmazonSNS; Status Code: {status}; Error Code: {code}; Request ID: r-1; Proxy: null)",
    )


async def test_a_call_is_not_repeated(endpoint: Endpoint, call: Call) -> None:
    endpoint.answer('{"__type": "InternalServerError", "message": "Later"}', 500)
    outcome = await call("dynamodb:getItem", '{"TableName": "t", "Key": {}}')
    assert isinstance(outcome, Failed)
    assert outcome.error == "DynamoDB.InternalServerErrorException"
    assert len(endpoint.requests) == 1


async def test_a_service_that_does_not_answer_is_an_error_that_can_be_caught(endpoint: Endpoint, call: Call) -> None:
    nowhere = AwsClients([], {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"})
    outcome = await call("aws-sdk:s3:listBuckets", "{}", nowhere)
    assert isinstance(outcome, Failed)
    assert outcome.error == "S3.SdkClientException"
    assert "http://127.0.0.1:1" in str(outcome.cause)


# -- patterns


async def test_a_call_that_waits_for_its_token_is_submitted(endpoint: Endpoint, call: Call) -> None:
    endpoint.answer('{"MessageId": "m"}')
    outcome = await call(
        "sqs:sendMessage.waitForTaskToken", f'{{"QueueUrl": "{endpoint.url}/1/q", "MessageBody": "m"}}'
    )
    assert isinstance(outcome, Submitted)
    endpoint.answer('{"__type": "ResourceNotFoundException", "message": "Requested resource not found"}', 400)
    outcome = await call("aws-sdk:dynamodb:getItem.waitForTaskToken", '{"TableName": "t", "Key": {}}')
    assert isinstance(outcome, SubmitFailed)
    assert outcome.error == "DynamoDb.ResourceNotFoundException"


# -- EventBridge


async def test_an_event_names_the_execution_and_the_machine_that_it_comes_from(endpoint: Endpoint, call: Call) -> None:
    endpoint.answer('{"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]}')
    entry = {"Source": "s", "DetailType": "t", "Detail": {"a": 1}, "Resources": ["own"]}
    outcome = await call("events:putEvents", json.dumps({"Entries": [entry]}))
    assert outcome == Succeeded('{"Entries":[{"EventId":"e"}],"FailedEntryCount":0}')
    (sent,) = json.loads(endpoint.requests[0].body)["Entries"]
    assert sent["Detail"] == '{"a":1}'
    assert sent["Resources"] == [
        "own",
        "arn:aws:states:us-east-1:123456789012:execution:orders:1",
        "arn:aws:states:us-east-1:123456789012:stateMachine:orders",
    ]


async def test_an_event_that_is_not_taken_fails_the_task(endpoint: Endpoint, call: Call) -> None:
    endpoint.answer('{"FailedEntryCount": 1, "Entries": [{"ErrorCode": "c"}]}')
    outcome = await call("events:putEvents", '{"Entries": [{"Source": "s", "DetailType": "t", "Detail": "{}"}]}')
    assert outcome == Failed("EventBridge.FailedEntry", '{"Entries":[{"ErrorCode":"c"}],"FailedEntryCount":1}')


# -- what may be called


async def test_nothing_is_called_unless_the_user_says_so(call: Call) -> None:
    outcome = await call("aws-sdk:secretsmanager:listSecrets", "{}", AwsClients(["s3"], {}))
    assert isinstance(outcome, Failed)
    assert outcome.error == "Stepwell.UnsupportedResource"
    for way_out in ("aws_services", "STEPWELL_AWS_SERVICES", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "SFN_MOCK_CONFIG"):
        assert way_out in str(outcome.cause)


@pytest.mark.parametrize(
    ("allowed", "environ", "may"),
    [
        ([], {}, False),
        (["events"], {}, True),
        (["eventbridge"], {}, True),
        (["all"], {}, True),
        ([], {"AWS_ENDPOINT_URL_EVENTBRIDGE": "http://localhost"}, True),
        ([], {"AWS_ENDPOINT_URL": "http://localhost"}, True),
        ([], {"AWS_ENDPOINT_URL_SNS": "http://localhost"}, False),
        ([], {"AWS_ENDPOINT_URL": "http://localhost", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, False),
    ],
)
async def test_a_service_is_allowed_by_name_or_by_an_endpoint_of_its_own(
    endpoint: Endpoint, call: Call, allowed: list[str], environ: dict[str, str], may: bool
) -> None:
    outcome = await call("events:putEvents", '{"No": 1}', AwsClients(allowed, environ))
    assert isinstance(outcome, Failed)
    assert outcome.error == ("States.Runtime" if may else "Stepwell.UnsupportedResource")


async def test_made_up_credentials_never_go_to_aws_itself(
    endpoint: Endpoint, call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, f"{tmp_path}/none")
    outcome = await call("aws-sdk:s3:listBuckets", "{}", AwsClients(["s3"], {}, made_up=True))
    assert outcome == Failed("S3.SdkClientException", "Unable to locate credentials (SDK Attempt Count: 1)")
    endpoint.answer("<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>", type="application/xml")
    outcome = await call("aws-sdk:s3:listBuckets", "{}", AwsClients([], endpoint.environ, made_up=True))
    assert result(outcome) == {"Buckets": []}


async def test_an_action_that_is_not_there_fails_the_task(endpoint: Endpoint, call: Call) -> None:
    for resource in ("aws-sdk:s3:fly", "aws-sdk:nowhere:fly"):
        outcome = await call(resource)
        assert isinstance(outcome, Failed)
        assert outcome.error == "Stepwell.UnsupportedResource"
