"""What runs the calls of a function of each kind.

Rules that must stay true here:
- A kind that cannot run here says so in the answer of each call, and what to do about it.
"""

from __future__ import annotations

import shutil

from stepwell.tasks.command_calls import CommandCalls
from stepwell.tasks.function import Function
from stepwell.tasks.function_environment import LOG_STREAM, environment
from stepwell.tasks.guard import Guard
from stepwell.tasks.http_calls import HttpCalls
from stepwell.tasks.invocation import Answer, Invocation, function_error
from stepwell.tasks.kinds.command import Command
from stepwell.tasks.kinds.http_endpoint import HttpEndpoint
from stepwell.tasks.kinds.node_code import PROGRAM, NodeCode
from stepwell.tasks.kinds.other_runtime import OtherRuntime
from stepwell.tasks.kinds.remote_lambda import RemoteLambda
from stepwell.tasks.logs import OnLog
from stepwell.tasks.pool import FunctionPool
from stepwell.tasks.remote_calls import AwsLambda, RemoteCalls
from stepwell.tasks.runner import OnProgress, Runner
from stepwell.tasks.separate_calls import Carrier, SeparateCalls, Write

UNSUPPORTED = "Stepwell.UnsupportedRuntime"


def make_runner(
    function: Function, region: str, aws: AwsLambda, guard: Guard, on_log: OnLog, on_progress: OnProgress
) -> Runner:
    """The runner of a function, on the running event loop."""
    given = environment(function, region)
    carrier: Carrier
    match function.code:
        case Command() as command:
            carrier = CommandCalls(command, given, function.timeout, guard)
        case HttpEndpoint() as endpoint:
            carrier = HttpCalls(endpoint, function.timeout, function.most_at_once)
        case RemoteLambda() as remote:
            carrier = RemoteCalls(remote, aws, function.most_at_once)
        case OtherRuntime(runtime, reason):
            why = reason or f"its runtime is {runtime}, which does not run here."
            carrier = _Unsupported(f"{why} {_way_out(function)}")
        case NodeCode() if shutil.which(PROGRAM, path=given.get("PATH")) is None:
            reason = f"it needs Node.js, and there is no program '{PROGRAM}' on the PATH. Install it."
            carrier = _Unsupported(f"{reason} {_way_out(function)}")
        case worker:
            return FunctionPool(function, worker.start(), given, guard, on_log, on_progress)
    return SeparateCalls(function, carrier, on_log, given[LOG_STREAM])


class _Unsupported:
    """The `Carrier` of a function that cannot run here."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def __call__(self, call: Invocation, write: Write) -> Answer:
        return function_error(UNSUPPORTED, f"The function cannot be called: {self._reason}")


def _way_out(function: Function) -> str:
    return f"Say in stepwell.toml what runs in its place: [functions.{function.name}] with command, url or lambda."
