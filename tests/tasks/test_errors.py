"""How a function fails, in the words of AWS Lambda."""

import json
import re

import pytest


async def fail(service, event="null"):
    reply = await service.invoke("f", event)
    return reply, json.loads(reply.answer.payload)


async def test_an_exception_is_reported_with_its_type_message_request_and_the_users_frames(serve):
    reply, error = await fail(serve("plain:raises"))
    assert reply.answer.error == "Exception"
    assert list(error) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert error["errorMessage"] == "Some exception was raised."
    assert error["errorType"] == "Exception"
    assert error["requestId"] == reply.request_id
    (frame,) = error["stackTrace"]
    assert re.fullmatch(
        r'  File "\S+/handlers/plain.py", line \d+, in raises\n    raise Exception\("Some exception was raised."\)\n',
        frame,
    )


async def test_the_text_of_an_error_has_blanks_as_lambdas_python_runtime_writes_it(serve):
    reply, _ = await fail(serve("plain:raises"))
    assert reply.answer.payload.startswith('{"errorMessage": "Some exception was raised.", "errorType": "Exception", ')


async def test_frames_of_libraries_below_the_handler_are_kept_and_carry_no_column_marks(serve):
    _, error = await fail(serve("plain:raises_deeper"))
    assert "in raises_deeper" in error["stackTrace"][0]
    assert "json/decoder.py" in error["stackTrace"][-1]
    assert not any("^" in frame for frame in error["stackTrace"])


async def test_an_exception_of_a_coroutine_is_reported_alike(serve):
    reply, error = await fail(serve("coroutines:raises"))
    assert (reply.answer.error, error["errorMessage"]) == ("KeyError", "'colour'")
    assert "in raises" in error["stackTrace"][0]


@pytest.mark.parametrize(
    ("handler", "error", "message"),
    [
        (
            "plain:a_set",
            "Runtime.MarshalError",
            "Unable to marshal response: Object of type set is not JSON serializable",
        ),
        ("plain:not_a_number", "Runtime.MarshalError", "Unable to marshal response: Out of range float values"),
        (
            "plain:large",
            "Function.ResponseSizeTooLarge",
            "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        ),
        ("plain:missing", "Runtime.HandlerNotFound", "Handler 'missing' missing on module 'plain'"),
        ("nowhere:f", "Runtime.ImportModuleError", "Unable to import module 'nowhere': No module named 'nowhere'"),
    ],
)
async def test_what_the_runtime_cannot_do_has_a_name_of_its_own(serve, handler, error, message):
    reply, payload = await fail(serve(handler))
    assert reply.answer.error == payload["errorType"] == error
    assert payload["errorMessage"].startswith(message)
    assert payload["requestId"] == reply.request_id


async def test_a_syntax_error_names_file_and_line(serve, tmp_path):
    (tmp_path / "askew.py").write_text("x = 1\ndef f(:\n")
    _, error = await fail(serve("askew:f", path=(str(tmp_path),)))
    assert error["errorType"] == "Runtime.UserCodeSyntaxError"
    assert error["errorMessage"] == "Syntax error in module 'askew': invalid syntax (askew.py, line 2)"
    assert error["stackTrace"] == [f'  File "{tmp_path / "askew.py"}" Line 2\n    def f(:\n']


async def test_an_error_while_the_module_is_imported_is_the_calls_error(serve, tmp_path):
    (tmp_path / "stormy.py").write_text("raise LookupError('no settings')\n")
    _, error = await fail(serve("stormy:f", path=(str(tmp_path),)))
    assert (error["errorType"], error["errorMessage"]) == ("LookupError", "no settings")
    assert error["stackTrace"][0].startswith(f'  File "{tmp_path / "stormy.py"}", line 1')


async def test_a_mended_module_is_found_by_the_next_call(serve, tmp_path):
    service = serve("mended:f", path=(str(tmp_path),))
    assert (await fail(service))[0].answer.error == "Runtime.ImportModuleError"
    (tmp_path / "mended.py").write_text("def f(event, context):\n    return 'well'\n")
    assert (await service.invoke("f", "{}")).answer.payload == '"well"'


@pytest.mark.parametrize(
    ("handler", "event", "reason"),
    [
        ("plain:exits", "1", "Runtime exited with error: exit status 1"),
        ("plain:exits", "0", "Runtime exited without providing a reason"),
        ("plain:exits", '"so long"', "Runtime exited with error: exit status 1"),
        ("plain:killed", "null", "Runtime exited with error: signal: killed"),
        ("plain:crashes", "null", "Runtime exited with error: signal: segmentation fault"),
        ("coroutines:exits", "null", "Runtime exited with error: exit status 4"),
    ],
)
async def test_a_process_that_ends_under_a_call_is_an_exit_error(serve, handler, event, reason):
    reply, error = await fail(serve(handler), event)
    assert reply.answer.error == "Runtime.ExitError"
    assert error == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {reply.request_id} Error: {reason}",
    }


async def test_a_process_that_ends_while_it_imports_fails_the_call_and_not_the_next(serve, tmp_path):
    (tmp_path / "once.py").write_text(
        "import os, pathlib\n"
        "mark = pathlib.Path(__file__).with_name('mark')\n"
        "if not mark.exists():\n    mark.touch()\n    os._exit(9)\n"
        "def f(event, context):\n    return 'well'\n"
    )
    service = serve("once:f", path=(str(tmp_path),))
    _, error = await fail(service)
    assert error["errorMessage"].endswith("Runtime exited with error: exit status 9")
    assert (await service.invoke("f", "{}")).answer.payload == '"well"'


@pytest.mark.parametrize("handler", ["plain:sleeps", "coroutines:blocks"])
async def test_a_call_that_runs_over_the_timeout_fails_as_lambda_says_it(serve, handler):
    reply, error = await fail(serve(handler, timeout=0.05), "60")
    assert error == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {reply.request_id} Error: Task timed out after 0.05 seconds",
    }


async def test_decimals_are_numbers_and_bytes_are_json_already(serve):
    assert (await serve("plain:decimals").invoke("f", "{}")).answer.payload == "[1.5, 7]"
    assert (await serve("plain:json_bytes").invoke("f", "{}")).answer.payload == '"HelloWorld!"'
