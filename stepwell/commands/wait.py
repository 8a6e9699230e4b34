"""`stepwell wait`: wait until an execution has ended.

Rules that must stay true here:
- The server is asked to answer when there is something to say. One that answers at once all the same is asked again
  less and less often.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from stepwell.commands.arguments import add_endpoint, add_json
from stepwell.commands.endpoint import Endpoint, endpoint_url, execution_arn
from stepwell.commands.exit_code import CommandFailed, ExitCode, of_status

DESCRIPTION = """\
Wait until an execution has ended. The output goes to standard output, an error and its cause to standard error; the
exit code says how the execution ended."""
EXAMPLES = """\
  stepwell wait CatalogStatusPoller/shoes-1
  stepwell wait "$(stepwell start CatalogStatusPoller)" --timeout 600 && echo done
  stepwell wait CatalogStatusPoller/shoes-1 --json

exit codes: 0 SUCCEEDED, 1 FAILED, 3 TIMED_OUT, 4 ABORTED, 5 no server answers, 6 it still runs after --timeout
"""

_AT_ONCE = 20  # seconds that one question may take; far below what proxies bear
_SOONEST, _LATEST = 0.2, 10.0  # seconds between two questions where the server does not wait


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("execution", metavar="EXECUTION", help="an execution: its ARN, or MACHINE/NAME")
    parser.add_argument("--timeout", metavar="SECONDS", type=_seconds, help="how long to wait (default: for ever)")
    add_json(parser)
    add_endpoint(parser)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not seconds >= 0:
        raise ValueError(text)
    return seconds


def run(options: argparse.Namespace) -> ExitCode:
    endpoint = Endpoint(endpoint_url(options.endpoint_url))
    arn = execution_arn(endpoint, options.execution)
    execution = wait(endpoint, arn, options.timeout)
    if execution["status"] == "RUNNING":
        raise CommandFailed(f"{arn} still runs after {options.timeout:g} s.", ExitCode.STILL_RUNNING)
    if options.json:
        print(json.dumps(execution))
    elif "output" in execution:
        print(execution["output"])
    else:
        reason = ": ".join(execution[member] for member in ("error", "cause") if execution.get(member))
        print(f"{execution['status']}  {reason}".rstrip(), file=sys.stderr)
    return of_status(execution["status"])


def wait(endpoint: Endpoint, arn: str, timeout: float | None) -> dict[str, Any]:
    """What DescribeExecution answers once the execution has ended, or `timeout` seconds have passed."""
    begin = time.monotonic()
    end = float("inf") if timeout is None else begin + timeout
    pause = _SOONEST
    while True:
        asked = time.monotonic()
        wait = max(0, min(_AT_ONCE, end - asked))
        execution = endpoint.call("DescribeExecution", {"Prefer": f"wait={wait:.0f}"}, executionArn=arn)
        now = time.monotonic()
        if execution["status"] not in ("RUNNING", "PENDING_REDRIVE") or now >= end:
            return execution
        if now - asked < int(wait):
            time.sleep(min(pause, end - now))
            pause = min(pause * 2, _LATEST)
