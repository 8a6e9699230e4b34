"""Functions of AWS itself, through botocore, against a server that answers as AWS Lambda does."""

import base64
import json

import pytest

from stepwell.tasks.invocation import CallRefused
from stepwell.tasks.kinds.remote_lambda import RemoteLambda
from stepwell.tasks.remote_calls import AwsLambda
from tests.tasks.endpoint import endpoint

ARN = "arn:aws:lambda:eu-west-1:111122223333:function:bill:live"


@pytest.fixture
def there(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with endpoint() as found:
        yield found


@pytest.fixture
def call(functions, there):
    async def invoke(**options):
        service = functions(f=RemoteLambda(ARN), aws=AwsLambda(endpoint=there.url))
        return (await service.invoke("f", '{"n": 1}', **options)).answer

    return invoke


async def test_the_function_of_the_arn_is_called_with_the_event(call, there):
    there.answers({"ok": True})
    answer = await call(client_context='{"custom": 1}')
    assert (answer.error, json.loads(answer.payload)) == (None, {"ok": True})
    ((path, headers, body),) = there.seen
    assert path == f"/2015-03-31/functions/{ARN.replace(':', '%3A')}/invocations"
    assert body == b'{"n": 1}'
    assert "/eu-west-1/lambda/" in headers["authorization"]
    assert base64.b64decode(headers["x-amz-client-context"]) == b'{"custom": 1}'


async def test_its_error_is_the_functions(call, there):
    error = {"errorMessage": "no such order", "errorType": "NotFound"}
    there.answers(error, X_Amz_Function_Error="Unhandled")
    answer = await call()
    assert (answer.error, json.loads(answer.payload)) == ("NotFound", error)


async def test_an_error_without_a_name_is_unknown(call, there):
    there.answers({"errorMessage": "Task timed out"}, X_Amz_Function_Error="Unhandled")
    assert (await call()).error == "Lambda.Unknown"


async def test_the_tail_of_its_log_is_logged_here_too(call, there, lines):
    there.answers(None, X_Amz_Log_Result=base64.b64encode(b"one\n").decode())
    await call()
    assert [line.message for line in lines] == ["one"]


async def test_a_refusal_is_handed_on_and_the_call_made_once(call, there):
    there.answers({"Message": "Rate Exceeded."}, 429, x_amzn_ErrorType="TooManyRequestsException")
    with pytest.raises(CallRefused) as refused:
        await call()
    assert (refused.value.shape, refused.value.reason) == ("TooManyRequestsException", "Rate Exceeded.")
    assert len(there.seen) == 1


async def test_made_up_credentials_are_never_sent_to_aws(functions, there, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    answer = (await functions(f=RemoteLambda(ARN), aws=AwsLambda(made_up=True)).invoke("f", "{}")).answer
    assert answer.error == "Lambda.ServiceException"
    assert "Unable to locate credentials" in answer.payload


@pytest.mark.parametrize("arn", ["bill", "arn:aws:sqs:eu-west-1:111122223333:bill", "arn:aws:lambda:::function:bill"])
def test_only_a_whole_arn_names_a_function_of_aws(arn):
    with pytest.raises(ValueError, match="arn:aws:lambda:REGION:ACCOUNT:function:NAME"):
        RemoteLambda(arn)
