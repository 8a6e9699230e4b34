"""`stepwell stop`: stop an execution."""

from __future__ import annotations

import argparse
import json

from stepwell.commands.arguments import add_endpoint, add_json
from stepwell.commands.endpoint import Endpoint, endpoint_url, execution_arn
from stepwell.commands.exit_code import ExitCode

DESCRIPTION = "Stop an execution: it ends ABORTED. One that has ended stays as it is."
EXAMPLES = """\
  stepwell stop CatalogStatusPoller/shoes-1
  stepwell stop CatalogStatusPoller/shoes-1 --error Cancelled --cause "The catalog was deleted"
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("execution", metavar="EXECUTION", help="an execution: its ARN, or MACHINE/NAME")
    parser.add_argument("--error", help="the error that the execution is to show")
    parser.add_argument("--cause", help="the cause that the execution is to show")
    add_json(parser)
    add_endpoint(parser)


def run(options: argparse.Namespace) -> ExitCode:
    endpoint = Endpoint(endpoint_url(options.endpoint_url))
    arn = execution_arn(endpoint, options.execution)
    answer = endpoint.call("StopExecution", executionArn=arn, error=options.error, cause=options.cause)
    if options.json:
        print(json.dumps(answer))
    return ExitCode.DONE
