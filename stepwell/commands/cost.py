"""`stepwell cost`: what executions would have cost on AWS."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

from stepwell.commands import express
from stepwell.commands.arguments import add_endpoint, add_json
from stepwell.commands.endpoint import Endpoint, Refused, endpoint_url, execution_arn, machine_arn
from stepwell.commands.exit_code import CommandFailed, ExitCode

if TYPE_CHECKING:
    from stepwell.cost.bill import Bill
    from stepwell.cost.usage import Children, Usage

DESCRIPTION = """\
Show what an execution would have cost on AWS, or all executions of a state machine: transitions of Standard executions,
requests and duration of Express ones, calls of functions. What they have started is counted in."""
EXAMPLES = """\
  stepwell cost CatalogStatusPoller/shoes-1
  stepwell cost CatalogStatusPoller --since 30d
  stepwell cost CatalogStatusPoller --since 2026-11-01 --free-tier --json
"""

_SPANS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", metavar="EXECUTION|MACHINE", help="an ARN, MACHINE/NAME for an execution, or a machine's name"
    )
    parser.add_argument(
        "--since",
        metavar="WHEN",
        help="only executions started since then: 90m, 24h, 30d, 2w, or a date (machines only)",
    )
    parser.add_argument("--free-tier", action="store_true", help="take off what is free each month, once")
    add_json(parser)
    add_endpoint(parser)


def run(options: argparse.Namespace) -> ExitCode:
    from stepwell.cost.bill import bill
    from stepwell.cost.usage import Usage

    since = None if options.since is None else since_when(options.since, time.time())
    endpoint = Endpoint(endpoint_url(options.endpoint_url))
    what: str = options.what
    if "/" in what or ":execution:" in what or express.is_express(what):
        arns: Iterator[str] = iter([what if express.is_express(what) else execution_arn(endpoint, what)])
    else:
        arns = _executions(endpoint, machine_arn(endpoint, what), since)
    count, usage, definitions = 0, Usage(), dict[str, int]()
    for arn in arns:
        count += 1
        usage += _whole(endpoint, arn, definitions)
    memory = {name: found for name in usage.functions if (found := _memory(endpoint, name)) is not None}
    made = bill(usage, memory, free_tier=options.free_tier)
    if options.json:
        print(json.dumps(_members(count, usage, made, memory)))
    else:
        _show(count, usage, made, options.free_tier)
    return ExitCode.DONE


def since_when(text: str, now: float) -> float:
    """Seconds since 1970. Raises CommandFailed where it is neither a span nor a date."""
    span = re.fullmatch(r"(\d+)([mhdw])", text)
    if span is not None:
        return now - int(span[1]) * _SPANS[span[2]]
    try:
        date = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"--since {text!r} is neither a span (90m, 24h, 30d, 2w) nor a date (2026-11-01, 2026-11-01T08:00Z)."
        raise CommandFailed(message, ExitCode.WRONG_USE) from error
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _executions(endpoint: Endpoint, machine: str, since: float | None) -> Iterator[str]:
    """The executions of a machine, newest first, back to a time."""
    for execution in _listed(endpoint, machine):
        if since is not None and execution["startDate"] < since:
            return
        yield execution["executionArn"]


def _listed(endpoint: Endpoint, machine: str) -> Iterator[dict[str, Any]]:
    try:
        yield from endpoint.pages("ListExecutions", "executions", stateMachineArn=machine, maxResults=1000)
    except Refused as refused:
        if refused.error != "StateMachineTypeNotSupported":
            raise
        yield from express.executions(endpoint, machine, None)


def _whole(endpoint: Endpoint, arn: str, definitions: dict[str, int]) -> Usage:
    """What an execution used, with all that it has started. `definitions` keeps the sizes of those that were read."""
    usage, children = _of_one(endpoint, arn, definitions)
    started = list(children.executions)
    for run in children.map_runs:
        pages = endpoint.pages("ListExecutions", "executions", mapRunArn=run, maxResults=1000)
        started.extend(child["executionArn"] for child in pages)
    return reduce(add, (_whole(endpoint, child, definitions) for child in started), usage)


def _of_one(endpoint: Endpoint, arn: str, definitions: dict[str, int]) -> tuple[Usage, Children]:
    from stepwell.cost.usage import express_usage, standard_usage

    if not express.is_express(arn):
        return standard_usage(endpoint.pages("GetExecutionHistory", "events", executionArn=arn, maxResults=1000))
    found = express.describe(endpoint, arn)
    machine = found["stateMachineArn"]
    if machine not in definitions:
        described = endpoint.call("DescribeStateMachine", stateMachineArn=machine)
        definitions[machine] = len(described["definition"].encode())
    lasted = (found.get("stopDate") or time.time()) - found["startDate"]
    data = len(found.get("input", "").encode())
    return express_usage(round(lasted * 1000), definitions[machine], data, express.events(endpoint, arn))


def _memory(endpoint: Endpoint, function: str) -> int | None:
    """MB that a function declares; None where it declares none, or is not known (any more)."""
    try:
        tags = endpoint.get(f"/2015-03-31/functions/{function}").get("Tags") or {}
    except Refused:
        return None
    declared = tags.get("stepwell:memory")
    return int(declared) if declared else None


def _members(count: int, usage: Usage, bill: Bill, memory: dict[str, int]) -> dict[str, Any]:
    from stepwell.cost.prices import DEFAULT_MEMORY, PRICES

    return {
        "currency": "USD",
        "region": PRICES.region,
        "pricesOf": PRICES.month,
        "executions": count,
        "children": usage.executions - count,
        "lines": [
            {
                **{"name": line.name, "unit": line.unit, "used": float(line.used), "billed": float(line.billed)},
                **{"price": float(line.price), "cost": float(line.cost)},
            }
            for line in bill.lines
        ],
        "functions": {
            name: {
                **{"requests": calls.requests, "milliseconds": calls.milliseconds},
                "memory": memory.get(name, DEFAULT_MEMORY),
            }
            for name, calls in usage.functions.items()
        },
        "total": float(bill.total),
        "average": float(bill.total / count) if count else 0.0,
    }


def _show(count: int, usage: Usage, bill: Bill, free_tier: bool) -> None:
    from stepwell.commands.screen import open_screen, table
    from stepwell.cost.prices import PRICES

    rows = [
        (line.name, _amount(line.used, line.unit), f"{line.price.normalize():f}", _dollars(line.cost))
        for line in bill.lines
    ]
    screen = open_screen(sys.stdout)
    table(screen, ("what", "used", "price, $", "cost, $"), [*rows, ("total", "", "", _dollars(bill.total))])
    free = "the free tier taken off" if free_tier else "without the free tier"
    text = f"prices of {PRICES.region}, {PRICES.month}, {free}"
    if count != 1:
        average = f", $ {_dollars(bill.total / count)} each" if count else ""
        text = f"{count} executions{average}; {text}"
    if usage.executions > count:
        text += f"; {usage.executions - count} executions started by them are counted in"
    screen.line([(text, "dim")])


def _amount(amount: Decimal, unit: str) -> str:
    return f"{amount:,}" if not unit else f"{amount:,.4f} {unit}"


def _dollars(cost: Decimal) -> str:
    return f"{cost:,.7f}"
