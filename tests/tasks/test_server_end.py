"""Handlers end with the server."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from stepwell.tasks.frames import pack
from tests.patience import PATIENCE, come
from tests.tasks.waiting import alive, written

HANDLERS = str(Path(__file__).parent / "handlers")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}

SERVER = """
import asyncio, json, sys
from stepwell.tasks.function import Function, FunctionRegistry
from stepwell.tasks.kinds.python_callable import PythonCallable
from stepwell.tasks.lambda_service import LambdaService

async def main():
    function = Function(name="f", code=PythonCallable(handler=sys.argv[1], path=(sys.argv[2],)))
    await LambdaService(FunctionRegistry([function])).invoke("f", json.dumps(sys.argv[3]))

asyncio.run(main())
"""

WITHOUT_THE_KERNEL = """
import ctypes
import stepwell.tasks.worker

class Nothing:
    def prctl(self, *arguments): pass

ctypes.CDLL = lambda name: Nothing()
stepwell.tasks.worker.main()
"""


@pytest.mark.parametrize("handler", ["plain:busy", "coroutines:forever"])
async def test_a_handler_ends_with_a_server_that_was_killed(handler, tmp_path):
    arguments = [sys.executable, "-c", SERVER, handler, HANDLERS, str(tmp_path / "pid")]
    server = subprocess.Popen(arguments, env=ENVIRONMENT)  # noqa: ASYNC220
    worker = int(await written(tmp_path / "pid"))
    assert alive(worker)
    server.send_signal(signal.SIGKILL)
    server.wait(PATIENCE)
    await come(lambda: not alive(worker))


async def test_a_busy_worker_ends_with_its_socket_where_the_kernel_does_not_help(tmp_path):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        arguments = [sys.executable, "-c", WITHOUT_THE_KERNEL, str(theirs.fileno()), str(os.getpid()), "f"]
        worker = subprocess.Popen(arguments, pass_fds=(theirs.fileno(),), env=ENVIRONMENT)  # noqa: ASYNC220
        theirs.close()
        ours.sendall(pack({"setup": {"handler": "plain:busy", "path": [HANDLERS], "timeout": 10 * PATIENCE}}))
        call = {"call": 1, "request_id": "r", "function_arn": "a", "idempotency_key": None, "client_context": None}
        ours.sendall(pack(call, f'"{tmp_path / "pid"}"'.encode()))
        assert int(await written(tmp_path / "pid")) == worker.pid
    assert worker.wait(PATIENCE) == 0
