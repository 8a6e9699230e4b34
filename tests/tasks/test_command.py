"""Functions that are commands."""

import asyncio
import json
import sys

import pytest

from stepwell.tasks.call_log import unframed
from stepwell.tasks.kinds.command import Command
from stepwell.tasks.kinds.other_runtime import OtherRuntime
from tests.patience import PATIENCE, come
from tests.tasks.waiting import alive, written


def shell(script):
    return Command(["sh", "-c", script])


def python(script):
    return Command([sys.executable, "-c", script])


async def test_the_event_is_standard_input_and_the_result_standard_output(functions):
    assert (await functions(f=shell("cat")).invoke("f", '{"n": 1}')).answer.payload == '{"n": 1}'


async def test_a_command_that_writes_nothing_and_reads_nothing_answers_null(functions):
    event = json.dumps("x" * 1_000_000)
    assert (await functions(f=shell("true")).invoke("f", event)).answer.payload == "null"


async def test_large_events_and_results_fit(functions):
    event = json.dumps("x" * 5_000_000)
    assert (await functions(f=shell("cat")).invoke("f", event)).answer.payload == event


async def test_standard_error_is_the_log_of_the_call(functions, lines):
    reply = await functions(f=shell("echo one >&2; printf two >&2; echo 1")).invoke("f", "{}", tail=True)
    assert [(line.request_id, line.message) for line in lines] == [(reply.request_id, "one"), (reply.request_id, "two")]
    assert unframed(reply.answer.log_tail) == b"one\ntwo\n"


async def test_the_call_is_described_by_variables(functions, tmp_path):
    names = ["LAMBDA_RUNTIME_AWS_REQUEST_ID", "LAMBDA_RUNTIME_INVOKED_FUNCTION_ARN", "IDEMPOTENCY_KEY", "TABLE"]
    code = python(f"import json, os; print(json.dumps([os.environ[name] for name in {names}] + [os.getcwd()]))")
    service = functions(f=Command(code.arguments, tmp_path), environment={"TABLE": "orders"})
    reply = await service.invoke("f", "{}", idempotency_key="k-1")
    arn = "arn:aws:lambda:us-east-1:123456789012:function:f"
    assert json.loads(reply.answer.payload) == [reply.request_id, arn, "k-1", "orders", str(tmp_path)]


async def test_another_exit_status_than_zero_is_an_error_of_the_function(functions):
    reply = await functions(f=shell("echo 1; exit 3")).invoke("f", "{}")
    assert reply.answer.error == "Runtime.ExitError"
    message = f"RequestId: {reply.request_id} Error: Runtime exited with error: exit status 3"
    assert json.loads(reply.answer.payload) == {"errorType": "Runtime.ExitError", "errorMessage": message}


async def test_a_command_names_its_error_as_a_runtime_does(functions):
    error = '{"errorType": "NotFound", "errorMessage": "no such order"}'
    answer = (await functions(f=shell(f"echo '{error}'; exit 1")).invoke("f", "{}")).answer
    assert (answer.error, answer.payload) == ("NotFound", error)


async def test_what_is_no_json_is_an_error_of_the_function(functions):
    assert (await functions(f=shell("echo hello")).invoke("f", "{}")).answer.error == "Runtime.MarshalError"


async def test_a_command_that_is_not_there_is_named(functions):
    answer = (await functions(f=Command(["no-such-program"])).invoke("f", "{}")).answer
    assert answer.error == "Runtime.InvalidEntrypoint"
    assert "no-such-program" in answer.payload


async def test_a_command_that_runs_over_is_killed_with_what_it_has_started(functions, tmp_path):
    service = functions(f=shell(f"sleep 3600 & echo $! > {tmp_path}/pid; wait"), timeout=1)
    while not (tmp_path / "pid").exists():  # a busy machine may give it no time before it runs over
        reply = await service.invoke("f", "{}")
        assert reply.answer.error == "Sandbox.Timedout"
        assert "Task timed out after 1.00 seconds" in reply.answer.payload
    child = int((tmp_path / "pid").read_text())
    await come(lambda: not alive(child))


async def test_cancelling_a_call_kills_the_command_with_what_it_has_started(functions, tmp_path):
    call = asyncio.ensure_future(functions(f=shell(f"sleep 3600 & echo $! > {tmp_path}/pid; wait")).invoke("f", "{}"))
    child = int(await written(tmp_path / "pid"))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await come(lambda: not alive(child))


async def test_a_call_ends_with_its_command_not_with_what_that_has_left_behind(functions):
    async with asyncio.timeout(PATIENCE):
        assert (await functions(f=shell("sleep 3600 & echo 1")).invoke("f", "{}")).answer.payload == "1"


async def test_no_more_commands_than_the_concurrency_run_at_once_in_the_order_of_the_calls(functions, tmp_path):
    service = functions(f=shell(f"read n; echo $n >> {tmp_path}/notes"), concurrency=1)
    await asyncio.gather(*(service.invoke("f", str(n)) for n in range(10)))
    assert (tmp_path / "notes").read_text().split() == [str(n) for n in range(10)]


async def test_stop_lets_a_running_command_end_within_the_grace_and_cancels_what_waits(functions, tmp_path):
    script = f"echo 1 > {tmp_path}/running; while [ ! -e {tmp_path}/until ]; do sleep 0.01; done; echo 1"
    service = functions(f=shell(script), concurrency=1)
    running, waiting = (asyncio.ensure_future(service.invoke("f", "{}")) for _ in range(2))
    await written(tmp_path / "running")
    stopping = asyncio.ensure_future(service.stop(PATIENCE))
    with pytest.raises(asyncio.CancelledError):
        await waiting
    (tmp_path / "until").touch()
    await stopping
    assert (await running).answer.payload == "1"


async def test_code_that_cannot_run_here_says_what_to_do(functions):
    answer = (await functions(f=OtherRuntime("java21")).invoke("f", "{}")).answer
    assert answer.error == "Stepwell.UnsupportedRuntime"
    assert "its runtime is java21, which does not run here" in answer.payload
    assert "[functions.f]" in answer.payload


@pytest.mark.parametrize("arguments", [[], [""], "ls"])
def test_a_command_is_a_list_that_begins_with_a_program(arguments):
    with pytest.raises(ValueError, match="the program, then its arguments"):
        Command(arguments)
