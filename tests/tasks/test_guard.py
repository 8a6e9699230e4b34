"""What the server has started ends with it, also what handlers have started by themselves."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stepwell.tasks.function import Function, FunctionRegistry
from stepwell.tasks.kinds.python_callable import PythonCallable
from stepwell.tasks.lambda_service import LambdaService
from tests.patience import PATIENCE, come
from tests.tasks.conftest import HANDLERS
from tests.tasks.waiting import alive, written

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}

SERVER = """
import asyncio, json, sys
from stepwell.tasks.function import Function, FunctionRegistry
from stepwell.tasks.kinds.command import Command
from stepwell.tasks.kinds.python_callable import PythonCallable
from stepwell.tasks.lambda_service import LambdaService

async def main():
    code = {
        "handler": PythonCallable(handler="plain:starts_a_child", path=(sys.argv[2],)),
        "command": Command(["sh", "-c", f"sleep 3600 & echo $! > {sys.argv[3]}; wait"]),
    }[sys.argv[1]]
    await LambdaService(FunctionRegistry([Function(name="f", code=code)])).invoke("f", json.dumps(sys.argv[3]))

asyncio.run(main())
"""


@pytest.mark.parametrize("kind", ["handler", "command"])
async def test_what_a_function_has_started_ends_with_a_server_that_was_killed(kind, tmp_path):
    arguments = [sys.executable, "-c", SERVER, kind, HANDLERS, str(tmp_path / "pid")]
    server = subprocess.Popen(arguments, env=ENVIRONMENT)  # noqa: ASYNC220
    child = int(await written(tmp_path / "pid"))
    assert alive(child)
    server.send_signal(signal.SIGKILL)
    server.wait(PATIENCE)
    await come(lambda: not alive(child))


def guards() -> set[int]:
    """The guards that this process has started."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"guard_process" in (process / "cmdline").read_bytes():
                found.add(int(process.name))
        except OSError:
            continue
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
async def test_a_guard_that_was_killed_is_replaced_and_knows_what_runs(tmp_path):
    before = guards()
    service = LambdaService(
        FunctionRegistry(
            [
                Function(name=name, code=PythonCallable(handler="plain:echo", path=(HANDLERS,)), concurrency=1)
                for name in ("first", "second")
            ]
        )
    )
    try:
        await service.invoke("first", "1")
        (guard,) = guards() - before
        os.kill(guard, signal.SIGKILL)
        await come(lambda: not alive(guard))
        await service.invoke("second", "1")
        (other,) = guards() - before
        assert other != guard
    finally:
        await service.stop(0)
    await come(lambda: not alive(other))
