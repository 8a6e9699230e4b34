"""Whoever works for an execution is told the trace that its work is part of, wherever it looks for it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stepwell.engine.trace import Trace, trace_of, xray_of
from stepwell.tasks.function import Function, FunctionRegistry
from stepwell.tasks.invocation import Invocation
from stepwell.tasks.kinds.code import Code
from stepwell.tasks.kinds.command import Command
from stepwell.tasks.kinds.node_code import NodeCode
from stepwell.tasks.kinds.python_code import PythonCode
from stepwell.tasks.lambda_service import LambdaService

TRACE = Trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", True, state="vendor=1")
LINE = TRACE.encode()
FOUND = {"TRACEPARENT": TRACE.traceparent, "TRACESTATE": "vendor=1", "_X_AMZN_TRACE_ID": xray_of(LINE)}
NAMES = list(FOUND)

PYTHON = f"""
import os
def handler(event, context):
    return [[os.environ.get(name) for name in {NAMES}], context.traceparent, context.tracestate]
"""
NODE = f"""
exports.handler = async (event, context) =>
  [{NAMES}.map((name) => process.env[name] ?? null), context.traceparent ?? null, context.tracestate ?? null];
"""
COMMAND = f"import json, os; print(json.dumps([[os.environ.get(name) for name in {NAMES}]]))"


class Services:
    def __init__(self) -> None:
        self.made: list[LambdaService] = []

    def of(self, code: Code) -> LambdaService:
        service = LambdaService(FunctionRegistry([Function(name="f", code=code, timeout=30)]))
        self.made.append(service)
        return service


@pytest.fixture
async def services() -> AsyncIterator[Services]:
    found = Services()
    yield found
    for service in found.made:
        await service.stop(0)


async def seen(service: LambdaService, trace: str | None) -> list[object]:
    reply = await service.invoke("f", "{}", trace=trace)
    assert reply.answer.error is None, reply.answer.payload
    found = json.loads(reply.answer.payload)
    assert isinstance(found, list)
    return found


async def test_a_python_handler_finds_it_in_its_context_and_in_variables(services: Services, tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text(PYTHON)
    service = services.of(PythonCode("code.handler", str(tmp_path)))
    assert await seen(service, LINE) == [list(FOUND.values()), TRACE.traceparent, "vendor=1"]
    # The next call in the same process is in no trace.
    assert await seen(service, None) == [[None, None, None], None, None]


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js on the PATH")
async def test_a_node_handler_finds_it_in_its_context_and_in_variables(services: Services, tmp_path: Path) -> None:
    (tmp_path / "index.js").write_text(NODE)
    service = services.of(NodeCode("index.handler", str(tmp_path)))
    assert await seen(service, LINE) == [list(FOUND.values()), TRACE.traceparent, "vendor=1"]
    assert await seen(service, None) == [[None, None, None], None, None]


async def test_a_command_finds_it_in_variables(services: Services) -> None:
    assert await seen(services.of(Command([sys.executable, "-c", COMMAND])), LINE) == [list(FOUND.values())]


def test_another_server_finds_it_in_headers() -> None:
    from stepwell.tasks.http_calls import _headers

    headers = _headers(Invocation(request_id="r", function_arn="arn", event=b"{}", trace=LINE))
    assert headers["traceparent"] == TRACE.traceparent
    assert headers["tracestate"] == "vendor=1"
    assert trace_of(None, None, headers["X-Amzn-Trace-Id"]) == trace_of(TRACE.traceparent)
