"""Tasks whose Resource is a function's ARN."""

import json

import pytest

from stepwell.engine.dispatch import Failed, Succeeded
from stepwell.language.model import Resource
from stepwell.tasks.dispatcher import TaskDispatcher

ARN = "arn:aws:lambda:eu-central-1:999999999999:function:f"


@pytest.fixture
def outcomes(task):
    async def run(service, input="{}", arn=ARN):
        dispatcher = TaskDispatcher(service)
        return [outcome async for outcome in dispatcher.run(task(Resource(arn, "function"), input))]

    return run


async def test_the_payload_is_the_output_as_lambda_wrote_it(serve, outcomes):
    assert await outcomes(serve("plain:echo"), '{"a":1}') == [Succeeded('{"a": 1}')]


async def test_a_version_or_an_alias_leads_to_the_function(serve, outcomes):
    assert await outcomes(serve("plain:echo"), "1", f"{ARN}:live") == [Succeeded("1")]


async def test_the_attempts_idempotency_key_reaches_the_handler(serve, outcomes):
    (done,) = await outcomes(serve("plain:describe"))
    assert json.loads(done.output)["idempotency_key"] == "key-1"
    assert json.loads(done.output)["invoked_function_arn"] == ARN


async def test_the_errors_name_is_the_functions_and_the_cause_is_lambdas_text(serve, outcomes):
    (failed,) = await outcomes(serve("plain:raises"))
    assert failed.error == "Exception"
    assert failed.cause.startswith('{"errorMessage": "Some exception was raised.", "errorType": "Exception", ')


async def test_a_function_that_does_not_exist_fails_as_on_aws(serve, outcomes, caplog):
    (failed,) = await outcomes(serve("plain:echo"), arn=ARN.replace(":f", ":g").replace(":gunction", ":function"))
    assert isinstance(failed, Failed)
    assert failed.error == "Lambda.ResourceNotFoundException"
    prefix = (
        "Function not found: arn:aws:lambda:eu-central-1:999999999999:function:g:$LATEST "
        "(Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: "
    )
    assert failed.cause.startswith(prefix)
    assert failed.cause.endswith("; Proxy: null)")
    assert "no function named 'g' is registered; registered: f" in caplog.text


def test_what_the_runtime_ends_is_lambda_unknown_what_the_function_raises_keeps_its_name():
    from stepwell.tasks.invocation import reported_error

    assert reported_error("Sandbox.Timedout") == "Lambda.Unknown"
    assert reported_error("Runtime.ExitError") == "Lambda.Unknown"
    assert reported_error("ValueError") == "ValueError"
