"""`stepwell history`: what an execution did."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

from stepwell.commands import express
from stepwell.commands.arguments import add_endpoint, add_json
from stepwell.commands.endpoint import Endpoint, endpoint_url, execution_arn
from stepwell.commands.exit_code import ExitCode, of_status
from stepwell.commands.follow import follow, read_step
from stepwell.commands.screen import moment, open_screen, table

DESCRIPTION = """\
Show the events of an execution. With --follow, show its states as they are entered, until it has ended. Of an Express
execution the log is shown, once it has ended: the events that its machine's logging level asks for."""
EXAMPLES = """\
  stepwell history CatalogStatusPoller/shoes-1
  stepwell history CatalogStatusPoller/shoes-1 --follow
  stepwell history CatalogStatusPoller/shoes-1 --json      one event a line
"""

_TEXT = 100  # characters of an event's details


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("execution", metavar="EXECUTION", help="an execution: its ARN, or MACHINE/NAME")
    parser.add_argument(
        "--follow", action="store_true", help="show the execution as it goes; the exit code says how it ended"
    )
    add_json(parser)
    add_endpoint(parser)


def run(options: argparse.Namespace) -> ExitCode:
    endpoint = Endpoint(endpoint_url(options.endpoint_url))
    arn = execution_arn(endpoint, options.execution)
    if express.is_express(arn):
        status = express.wait_for_end(endpoint, arn)["status"] if options.follow else None
        _show(express.events(endpoint, arn), options.json)
        return ExitCode.DONE if status is None else of_status(status)
    if options.follow and not options.json:
        return of_status(follow(endpoint, arn, sys.stdout))
    _show(endpoint.pages("GetExecutionHistory", "events", executionArn=arn, maxResults=1000), options.json)
    return ExitCode.DONE


def _show(events: Iterator[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        for event in events:
            print(json.dumps(event))
        return
    rows = []
    for step in map(read_step, events):
        text = ", ".join(
            f"{name}={value}" for name, value in step.details.items() if isinstance(value, (str, int, float))
        )
        short = text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"
        rows.append((str(step.id), moment(step.timestamp / 1000), step.type, " ".join(short.split())))
    table(open_screen(sys.stdout), ("id", "time", "type", "details"), rows)
