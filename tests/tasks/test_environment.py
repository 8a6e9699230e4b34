"""What a handler finds around it: environment and context."""

import json
import os
import subprocess
import sys
from pathlib import Path

from stepwell.tasks.function import Function, FunctionRegistry
from stepwell.tasks.lambda_service import LambdaService


async def test_a_handler_sees_lambdas_variables_and_its_own(serve):
    service = serve("plain:environment", environment={"TABLE": "orders"})
    seen = json.loads((await service.invoke("f", "{}")).answer.payload)
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == "f"
    assert seen["AWS_LAMBDA_FUNCTION_VERSION"] == "$LATEST"
    assert seen["AWS_LAMBDA_LOG_GROUP_NAME"] == "/aws/lambda/f"
    assert seen["AWS_REGION"] == seen["AWS_DEFAULT_REGION"] == "us-east-1"
    assert seen["_HANDLER"] == "plain.environment"
    assert seen["TABLE"] == "orders"


async def test_what_is_the_servers_own_is_not_handed_on(serve, monkeypatch):
    monkeypatch.setenv("STEPWELL_DATABASE_URL", "postgresql://secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    seen = json.loads((await serve("plain:environment").invoke("f", "{}")).answer.payload)
    assert not [name for name in seen if name.startswith("STEPWELL_")]
    assert seen["HTTPS_PROXY"] == "http://proxy"


async def test_the_context_is_that_of_lambda_with_the_idempotency_key(serve):
    service = serve("plain:describe", timeout=30)
    client = '{"custom": {"a": 1}, "client": {"app_title": "shop"}}'
    reply = await service.invoke("f:live", "{}", idempotency_key="k-1", client_context=client)
    seen = json.loads(reply.answer.payload)
    assert 29_000 < seen.pop("remaining") <= 30_000
    assert "[$LATEST]" in seen.pop("log_stream_name")
    assert seen == {
        "function_name": "f",
        "function_version": "$LATEST",
        "invoked_function_arn": "arn:aws:lambda:us-east-1:123456789012:function:f:live",
        "memory": True,
        "aws_request_id": reply.request_id,
        "log_group_name": "/aws/lambda/f",
        "client": "shop",
        "custom": {"a": 1},
        "identity": None,
        "idempotency_key": "k-1",
    }


async def test_a_callable_of_this_process_becomes_a_function(tmp_path, monkeypatch):
    (tmp_path / "shop.py").write_text("def order(event, context):\n    return {'ordered': event}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import shop

    service = LambdaService(FunctionRegistry([Function.of(shop.order)]))
    try:
        assert (await service.invoke("order", '"tea"')).answer.payload == '{"ordered": "tea"}'
    finally:
        await service.stop(0)


def test_a_handler_of_the_main_script_is_imported_without_running_the_script(tmp_path):
    script = tmp_path / "shop_app.py"
    script.write_text(
        "import asyncio\n"
        "from stepwell.tasks.function import Function, FunctionRegistry\n"
        "from stepwell.tasks.lambda_service import LambdaService\n"
        "def order(event, context):\n    return __name__\n"
        "async def main():\n"
        "    service = LambdaService(FunctionRegistry([Function.of(order)]))\n"
        "    print((await service.invoke('order', '{}')).answer.payload)\n"
        "    await service.stop(0)\n"
        "if __name__ == '__main__':\n    asyncio.run(main())\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, str(script)], env=environment, cwd="/", capture_output=True, text=True)
    assert done.stdout == '"shop_app"\n'
