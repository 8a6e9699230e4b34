"""Folders of Node.js code with a handler, as AWS Lambda runs them."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stepwell.tasks.call_log import unframed
from stepwell.tasks.kinds.node_code import NodeCode
from tests.patience import PATIENCE, come
from tests.tasks.waiting import alive, written

node = pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js on the PATH")


@pytest.fixture
def code(tmp_path):
    """`code("exports.handler = …")`: a function of this source."""

    def write(source, handler="index.handler", file="index.js", layers=()):
        path = tmp_path / "code" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        return NodeCode(handler, tmp_path / "code", layers)

    return write


async def answer(service, event="{}"):
    return (await service.invoke("f", event)).answer


async def result(service, event="{}"):
    given = await answer(service, event)
    assert given.error is None, given.payload
    return json.loads(given.payload)


async def error(service, event="{}"):
    given = await answer(service, event)
    told = json.loads(given.payload)
    assert told["errorType"] == given.error
    return told


@node
@pytest.mark.parametrize(
    ("source", "file"),
    [
        ("exports.handler = async (event) => event.n + 1;", "index.js"),
        ("export const handler = async (event) => event.n + 1;", "index.mjs"),
        ("exports.handler = async (event) => event.n + 1;", "index.cjs"),
        ("module.exports = { handler: (event, context, callback) => callback(null, event.n + 1) };", "index.js"),
        ("exports.handler = (event, context) => context.succeed(event.n + 1);", "index.js"),
        ("exports.handler = (event, context) => context.done(null, event.n + 1);", "index.js"),
        ("exports.handler = (event) => Promise.resolve(event.n + 1);", "index.js"),
    ],
)
async def test_a_handler_answers_in_every_way_that_lambda_takes(functions, code, source, file):
    assert await result(functions(f=code(source, file=file)), '{"n": 1}') == 2


@node
@pytest.mark.parametrize("handler", ["src/index.handler", "src/index.api.handler"])
async def test_a_handler_is_named_with_folders_and_members(functions, code, handler):
    source = "const handler = async () => 1; module.exports = { handler, api: { handler } };"
    assert await result(functions(f=code(source, handler, "src/index.js"))) == 1


@node
async def test_a_process_is_kept_and_used_again(functions, code):
    service = functions(f=code("let n = 0; exports.handler = async () => [process.pid, ++n];"), concurrency=1)
    pids, counts = zip(*[await result(service) for _ in range(3)], strict=True)
    assert counts == (1, 2, 3)
    assert set(pids) == set(service.pids())


@node
async def test_the_context_is_that_of_lambda_with_the_idempotency_key(functions, code):
    source = "exports.handler = async (e, c) => ({ ...c, left: c.getRemainingTimeInMillis() });"
    service = functions(f=code(source), timeout=30, memory=512)
    reply = await service.invoke("f:live", "{}", idempotency_key="k-1", client_context='{"custom": {"a": 1}}')
    seen = json.loads(reply.answer.payload)
    assert 20_000 < seen.pop("left") <= 30_000
    assert "[$LATEST]" in seen.pop("logStreamName")
    assert seen == {
        "callbackWaitsForEmptyEventLoop": True,
        "functionName": "f",
        "functionVersion": "$LATEST",
        "invokedFunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:f:live",
        "memoryLimitInMB": "512",
        "awsRequestId": reply.request_id,
        "logGroupName": "/aws/lambda/f",
        "clientContext": {"custom": {"a": 1}},
        "idempotencyKey": "k-1",
    }


@node
async def test_the_code_finds_its_folder_and_the_packages_of_layers(functions, code, tmp_path):
    package = tmp_path / "layer" / "nodejs" / "node_modules" / "words"
    package.mkdir(parents=True)
    (package / "index.js").write_text("module.exports = 'from the layer';")
    source = "exports.handler = async () => [process.cwd(), process.env.LAMBDA_TASK_ROOT, require('words')];"
    folder = str(tmp_path / "code")
    service = functions(f=code(source, layers=(tmp_path / "layer",)))
    assert await result(service) == [folder, folder, "from the layer"]


@node
@pytest.mark.parametrize(
    "act",
    [
        "async () => { throw new RangeError('too far'); }",
        "() => { throw new RangeError('too far'); }",
        "(event, context, callback) => callback(new RangeError('too far'))",
        "(event, context) => context.fail(new RangeError('too far'))",
    ],
)
async def test_an_error_is_framed_as_lambda_frames_it(functions, code, tmp_path, act):
    told = await error(functions(f=code(f"exports.handler = {act};")))
    assert list(told) == ["errorType", "errorMessage", "trace"]
    assert (told["errorType"], told["errorMessage"]) == ("RangeError", "too far")
    assert told["trace"][0] == "RangeError: too far"
    assert str(tmp_path / "code" / "index.js") in told["trace"][1]
    assert "worker.mjs" not in str(told["trace"])


@node
async def test_what_is_thrown_and_is_no_error_is_told_by_its_type(functions, code):
    told = await error(functions(f=code("exports.handler = async () => { throw 'no'; };")))
    assert told == {"errorType": "string", "errorMessage": "no", "trace": []}


@node
@pytest.mark.parametrize(
    ("source", "name", "message"),
    [
        ("exports.other = 1;", "Runtime.HandlerNotFound", "index.handler is undefined or not exported"),
        ("exports.handler = 1;", "Runtime.HandlerNotFound", "index.handler is not a function"),
        ("require('no-such-package');", "Runtime.ImportModuleError", "Error: Cannot find module 'no-such-package'"),
        ("exports.handler = ;", "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected token ';'"),
        ("throw new RangeError('at once');", "RangeError", "at once"),
    ],
)
async def test_code_that_cannot_be_loaded_answers_the_call_with_the_reason(functions, code, source, name, message):
    told = await error(functions(f=code(source)))
    assert told["errorType"] == name
    assert told["errorMessage"].startswith(message)


@node
async def test_code_that_is_mended_is_found_by_the_next_call(functions, code):
    service = functions(f=code("throw new Error('broken');"))
    await error(service)
    code("exports.handler = async () => 'mended';")
    assert await result(service) == "mended"


@node
async def test_a_file_that_is_not_there_is_named(functions, code):
    told = await error(functions(f=code("", handler="gone.handler")))
    assert told["errorType"] == "Runtime.ImportModuleError"
    assert "gone" in told["errorMessage"]


@node
async def test_a_callback_is_answered_when_the_event_loop_is_empty(functions, code):
    source = """
        exports.handler = (event, context, callback) => {
          const seen = [];
          context.callbackWaitsForEmptyEventLoop = event.waits;
          setTimeout(() => seen.push("later"), 50);
          callback(null, seen);
        };"""
    service = functions(f=code(source), concurrency=1)
    assert await result(service, '{"waits": true}') == ["later"]
    assert await result(service, '{"waits": false}') == []


@node
async def test_a_handler_that_ends_without_an_answer_answers_null(functions, code):
    assert await result(functions(f=code("exports.handler = () => 5;"))) is None


@node
async def test_only_the_first_answer_of_a_call_counts(functions, code):
    source = "exports.handler = (e, c, done) => { done(null, 'first'); done(null, 'second'); };"
    assert await result(functions(f=code(source))) == "first"


@node
async def test_a_rejection_that_nobody_handles_ends_the_call_and_the_process(functions, code):
    source = "exports.handler = () => { Promise.reject(new Error('lost')); setTimeout(() => {}, 60000); };"
    service = functions(f=code(source))
    told = await error(service)
    assert (told["errorType"], told["errorMessage"]) == ("Runtime.UnhandledPromiseRejection", "Error: lost")
    await come(lambda: service.pids() == ())


@node
async def test_an_exception_outside_of_the_call_ends_it(functions, code):
    source = "exports.handler = () => { setTimeout(() => { throw new TypeError('late'); }, 1); };"
    assert (await error(functions(f=code(source))))["errorType"] == "TypeError"


@node
async def test_a_process_that_exits_is_told_as_lambda_tells_it(functions, code):
    told = await error(functions(f=code("exports.handler = async () => process.exit(3);")))
    assert told["errorType"] == "Runtime.ExitError"
    assert told["errorMessage"].endswith("Runtime exited with error: exit status 3")


@node
async def test_a_busy_call_that_runs_over_is_killed(functions, code):
    service = functions(f=code("exports.handler = () => { for (;;); };"), timeout=0.5)
    assert (await answer(service)).error == "Sandbox.Timedout"
    await come(lambda: service.pids() == ())


@node
async def test_large_events_and_results_fit(functions, code):
    event = json.dumps("x" * 1_000_000)
    assert (await answer(functions(f=code("exports.handler = async (event) => event;")), event)).payload == event


@node
async def test_a_result_that_json_cannot_carry_is_an_error(functions, code):
    told = await error(functions(f=code("exports.handler = async () => 1n;")))
    assert told["errorMessage"] == "Unable to stringify response body"


@node
async def test_what_it_prints_is_the_log_of_the_call(functions, code, lines):
    source = """
        const { execSync } = require("child_process");
        exports.handler = async (event, context) => {
          console.log("to the %s", "console", { a: 1 });
          console.error("wrong");
          process.stdout.write("plain\\n");
          execSync("echo from a program >&2");
        };"""
    reply = await functions(f=code(source)).invoke("f", "{}", tail=True)
    seen = [line.message.split("\t")[-2:] for line in lines if line.request_id == reply.request_id]
    assert ["INFO", "to the console { a: 1 }"] in seen
    assert ["ERROR", "wrong"] in seen
    assert ["plain"] in seen
    await come(lambda: any(line.message == "from a program" for line in lines))
    assert unframed(reply.answer.log_tail).startswith(b"20")


@node
async def test_calls_run_at_once_in_processes_of_their_own(functions, code, tmp_path):
    source = """
        const fs = require("fs");
        exports.handler = async (event) => {
          fs.writeFileSync(event.running, String(process.pid));
          while (!fs.existsSync(event.until)) await new Promise((done) => setTimeout(done, 5));
          return process.pid;
        };"""
    service = functions(f=code(source), concurrency=2)
    events = [json.dumps({"running": f"{tmp_path}/{n}", "until": f"{tmp_path}/until"}) for n in range(2)]
    calls = [asyncio.ensure_future(result(service, event)) for event in events]
    await asyncio.gather(*(written(tmp_path / str(n)) for n in range(2)))
    (tmp_path / "until").touch()
    assert len(set(await asyncio.gather(*calls))) == 2


SERVER = """
import asyncio, json, sys
from stepwell.tasks.function import Function, FunctionRegistry
from stepwell.tasks.call_log import unframed
from stepwell.tasks.kinds.node_code import NodeCode
from stepwell.tasks.lambda_service import LambdaService

async def main():
    function = Function(name="f", code=NodeCode("index.handler", sys.argv[1]))
    await LambdaService(FunctionRegistry([function])).invoke("f", json.dumps(sys.argv[2]))

asyncio.run(main())
"""


@node
async def test_a_busy_handler_ends_with_a_server_that_was_killed(code, tmp_path):
    source = "exports.handler = (file) => { require('fs').writeFileSync(file, String(process.pid)); for (;;); };"
    folder = code(source).code
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    arguments = [sys.executable, "-c", SERVER, str(folder), str(tmp_path / "pid")]
    server = subprocess.Popen(arguments, env=environment)  # noqa: ASYNC220
    worker = int(await written(tmp_path / "pid"))
    server.send_signal(signal.SIGKILL)
    server.wait(PATIENCE)
    await come(lambda: not alive(worker))


async def test_without_node_the_call_says_what_is_missing(functions, code, monkeypatch):
    monkeypatch.setenv("PATH", "")
    told = await error(functions(f=code("exports.handler = async () => 1;")))
    assert told["errorType"] == "Stepwell.UnsupportedRuntime"
    assert "there is no program 'node' on the PATH" in told["errorMessage"]


@pytest.mark.parametrize("handler", ["handler", "src/handler", ".handler", "index."])
def test_a_handler_is_named_as_lambda_names_it(handler):
    with pytest.raises(ValueError, match=r"file\.function"):
        NodeCode(handler)
