"""`stepwell logs`: what functions write."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

from stepwell.commands.arguments import add_endpoint, add_json
from stepwell.commands.endpoint import Endpoint, endpoint_url, execution_arn
from stepwell.commands.exit_code import CommandFailed, ExitCode
from stepwell.commands.screen import Screen, open_screen

DESCRIPTION = """\
Show the last lines that functions have written: of one function, of an execution's tasks, or of all. With --follow, go
on with new ones until Ctrl-C. The server has the last 10,000 lines of each function at hand: docs/logs.md."""
EXAMPLES = """\
  stepwell logs
  stepwell logs -f CheckCatalogStatus
  stepwell logs CatalogStatusPoller/shoes-1
  stepwell logs --limit 1000 --json                        one line of JSON a line
"""

_WAIT = 20  # seconds that the server waits for a line
_PAUSE = 1.0  # seconds between two questions where no server answers
_REQUEST = 8  # characters of a request id that tell calls apart well enough


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        metavar="SOURCE",
        nargs="?",
        help="a function: its name or ARN; or an execution: its ARN, or MACHINE/NAME",
    )
    parser.add_argument("-f", "--follow", action="store_true", help="go on with the lines that are written from now on")
    parser.add_argument("--limit", type=int, default=100, help="how many of the last lines are shown (default: 100)")
    add_json(parser)
    add_endpoint(parser)


def run(options: argparse.Namespace) -> ExitCode:
    endpoint = Endpoint(endpoint_url(options.endpoint_url))
    source = _source(endpoint, options.source)
    screen = open_screen(sys.stdout)
    answer = endpoint.get("/logs", limit=max(options.limit, 0), **source)
    if options.limit > 0 and not answer["lines"]:
        print(f"Nothing has been written{f' by {options.source}' if options.source else ''} yet.", file=sys.stderr)
    while True:
        for line in answer["lines"]:
            _show(screen, line, options.json)
        if not options.follow:
            return ExitCode.DONE
        answer = _next(endpoint, answer["next"], source)


def _source(endpoint: Endpoint, given: str | None) -> dict[str, str]:
    """Whose lines are asked for, as the server's query names it."""
    if given is None:
        return {}
    if given.startswith("arn:"):
        parts = given.split(":")
        if len(parts) > 6 and parts[2] == "lambda":
            return {"function": parts[6]}
        return {"execution": given}
    return {"execution": execution_arn(endpoint, given)} if "/" in given else {"function": given.partition(":")[0]}


def _next(endpoint: Endpoint, place: str, source: dict[str, str]) -> dict[str, Any]:
    """What has been written behind a place; a server that is started anew is waited for."""
    while True:
        try:
            return endpoint.get("/logs", after=place, wait=_WAIT, **source)
        except CommandFailed as failed:
            if failed.code != ExitCode.UNREACHABLE:
                raise
            time.sleep(_PAUSE)


def _show(screen: Screen, line: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(line), flush=True)
        return
    seconds, milliseconds = divmod(line["time"], 1000)
    clock = f"{time.strftime('%H:%M:%S', time.localtime(seconds))}.{milliseconds:03}"
    request = (line["requestId"] or "-")[:_REQUEST].ljust(_REQUEST)
    screen.line([(clock, "dim"), (f"  {line['function']}", "cyan"), (f"  {request}  ", "dim"), (line["message"], "")])
