"""`stepwell list`: state machines, or the executions of one."""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from stepwell.commands import express
from stepwell.commands.arguments import add_endpoint, add_json
from stepwell.commands.endpoint import Endpoint, Refused, endpoint_url, machine_arn
from stepwell.commands.exit_code import ExitCode
from stepwell.commands.screen import moment, open_screen, span, table

DESCRIPTION = "List the state machines; with a MACHINE, its executions, newest first."
EXAMPLES = """\
  stepwell list
  stepwell list CatalogStatusPoller --status RUNNING
  stepwell list CatalogStatusPoller --limit 1000 --json
"""

_STATUSES = ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
RowOf: TypeAlias = Callable[[dict[str, Any]], tuple[str, ...]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("machine", metavar="MACHINE", nargs="?", help="a state machine: its name or ARN")
    parser.add_argument("--status", choices=_STATUSES, help="only executions of this status")
    parser.add_argument("--limit", type=int, default=100, help="how many are listed at most (default: 100)")
    add_json(parser)
    add_endpoint(parser)


def run(options: argparse.Namespace) -> ExitCode:
    endpoint = Endpoint(endpoint_url(options.endpoint_url))
    page = min(max(options.limit, 1), 1000)
    if options.machine is None:
        found = endpoint.pages("ListStateMachines", "stateMachines", maxResults=page)
        _show(options, found, ("name", "type", "created", "arn"), _machine_row)
        return ExitCode.DONE
    executions = _executions(endpoint, machine_arn(endpoint, options.machine), options.status, page)
    _show(options, executions, ("name", "status", "started", "took"), _execution_row)
    return ExitCode.DONE


def _executions(endpoint: Endpoint, machine: str, status: str | None, page: int) -> Iterator[dict[str, Any]]:
    try:
        yield from endpoint.pages(
            "ListExecutions", "executions", stateMachineArn=machine, statusFilter=status, maxResults=page
        )
    except Refused as refused:
        if refused.error != "StateMachineTypeNotSupported":
            raise
        yield from express.executions(endpoint, machine, status)


def _show(options: argparse.Namespace, found: Iterator[dict[str, Any]], head: tuple[str, ...], row: RowOf) -> None:
    entries = list(itertools.islice(found, max(options.limit, 0)))
    if options.json:
        print(json.dumps(entries))
    elif entries:
        table(open_screen(sys.stdout), head, [row(entry) for entry in entries])


def _machine_row(machine: dict[str, Any]) -> tuple[str, ...]:
    return machine["name"], machine["type"], moment(machine["creationDate"]), machine["stateMachineArn"]


def _execution_row(execution: dict[str, Any]) -> tuple[str, ...]:
    start, stop = execution["startDate"], execution.get("stopDate")
    # Many Express executions may have one name: what tells them apart is the ARN.
    name = execution["executionArn"] if express.is_express(execution["executionArn"]) else execution["name"]
    return name, execution["status"], moment(start), "" if stop is None else span(stop - start)
