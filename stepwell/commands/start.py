"""`stepwell start`: start an execution on a running server."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from stepwell.commands.arguments import add_endpoint, add_input, add_json, add_virtual, read_input
from stepwell.commands.endpoint import Endpoint, endpoint_url, machine_arn
from stepwell.commands.exit_code import ExitCode, of_status
from stepwell.commands.express import is_express, wait_for_end

DESCRIPTION = "Start an execution. With --wait, show it as it goes; the exit code then says how it ended."
EXAMPLES = """\
  stepwell start CatalogStatusPoller --input '{"catalog_name": "shoes"}'
  stepwell start CatalogStatusPoller --input @input.json --name shoes-1 --wait
  stepwell start arn:aws:states:us-east-1:123456789012:stateMachine:Hello --json
  stepwell start Yearly --virtual --wait           a year of waits in a moment
  stepwell start Hello#HappyPath --wait            with the mocks of a test case
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("machine", metavar="MACHINE", help="a state machine: its name or ARN")
    add_input(parser)
    parser.add_argument("--name", help="the execution's name; the same name and input again is the same execution")
    parser.add_argument("--wait", action="store_true", help="show the execution until it has ended")
    add_virtual(parser)
    add_json(parser)
    add_endpoint(parser)


def run(options: argparse.Namespace) -> ExitCode:
    text = read_input(options.input)
    endpoint = Endpoint(endpoint_url(options.endpoint_url))
    machine = machine_arn(endpoint, options.machine)
    clock = {"X-Stepwell-Clock": "virtual"} if options.virtual else None
    started = endpoint.call("StartExecution", clock, stateMachineArn=machine, input=text, name=options.name)
    if not options.wait:
        print(json.dumps(started) if options.json else started["executionArn"])
        return ExitCode.DONE
    arn = started["executionArn"]
    try:
        ended = _wait(endpoint, arn)
    except KeyboardInterrupt:
        print(f"The execution goes on: stepwell history {arn} --follow", file=sys.stderr)
        raise
    if options.json:
        print(json.dumps(ended))
    elif "output" in ended:
        print(ended["output"])
    return of_status(ended["status"])


def _wait(endpoint: Endpoint, arn: str) -> dict[str, Any]:
    """The execution once it has ended; it is shown meanwhile, unless it is an Express execution."""
    if is_express(arn):
        return wait_for_end(endpoint, arn)
    from stepwell.commands.follow import follow

    follow(endpoint, arn, sys.stderr)
    return endpoint.call("DescribeExecution", executionArn=arn)
