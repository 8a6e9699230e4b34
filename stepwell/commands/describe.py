"""`stepwell describe`: an execution or a state machine."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from stepwell.commands import express
from stepwell.commands.arguments import add_endpoint, add_json
from stepwell.commands.endpoint import Endpoint, endpoint_url, execution_arn, machine_arn
from stepwell.commands.exit_code import ExitCode
from stepwell.commands.screen import STYLES, moment, open_screen

DESCRIPTION = "Show an execution, or a state machine with its definition."
EXAMPLES = """\
  stepwell describe CatalogStatusPoller/shoes-1
  stepwell describe arn:aws:states:us-east-1:123456789012:execution:CatalogStatusPoller:shoes-1
  stepwell describe arn:aws:states:us-east-1:123456789012:express:Quote:one:1f0c...     an Express execution
  stepwell describe CatalogStatusPoller
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", metavar="EXECUTION|MACHINE", help="an ARN, MACHINE/NAME for an execution, or a machine's name"
    )
    add_json(parser)
    add_endpoint(parser)


def run(options: argparse.Namespace) -> ExitCode:
    endpoint = Endpoint(endpoint_url(options.endpoint_url))
    what: str = options.what
    if express.is_express(what):
        answer = express.describe(endpoint, what)
    elif "/" in what or ":execution:" in what:
        answer = endpoint.call("DescribeExecution", executionArn=execution_arn(endpoint, what))
    else:
        answer = endpoint.call("DescribeStateMachine", stateMachineArn=machine_arn(endpoint, what))
    if options.json:
        print(json.dumps(answer))
    else:
        _show(answer)
    return ExitCode.DONE


def _show(answer: dict[str, Any]) -> None:
    screen = open_screen(sys.stdout)
    width = max(len(member) for member in answer) + 2
    for member, value in answer.items():
        if member.endswith("Date"):
            text = moment(value)
        elif isinstance(value, (dict, list)):
            text = json.dumps(value, ensure_ascii=False)
        else:
            text = str(value)
        style = STYLES.get(text, "") if member == "status" else ""
        first, *rest = text.splitlines() or [""]
        screen.line([(member.ljust(width), "bold"), (first, style)])
        for line in rest:
            screen.line([(" " * width + line, "")])
