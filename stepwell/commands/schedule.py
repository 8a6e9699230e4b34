"""`stepwell schedule`: what a server starts by itself, and when."""

from __future__ import annotations

import argparse
import itertools
import json
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from stepwell.commands.arguments import add_endpoint, add_json, read_text
from stepwell.commands.endpoint import Endpoint, endpoint_url, machine_arn
from stepwell.commands.exit_code import CommandFailed, ExitCode
from stepwell.commands.screen import moment, open_screen, table

DESCRIPTION = "Start a state machine or a function at a time: write schedules, list them, pause them."
EXAMPLES = """\
  stepwell schedule create nightly "cron(0 2 * * ? *)" --machine Report --timezone Europe/Berlin
  stepwell schedule create poll "rate(5 minutes)" --machine Poll --input '{"catalog": "shoes"}' --overlap skip
  stepwell schedule create once "at(2030-01-31T08:00:00)" --function Greet --delete-when-done
  stepwell schedule list
  stepwell schedule describe nightly
  stepwell schedule pause nightly
  stepwell schedule next "cron(0 8 ? * MON-FRI *)" --timezone Europe/Berlin --count 3
"""

_ROLE = "arn:aws:iam::123456789012:role/scheduler"  # nobody asks for it here; the API wants one


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")

    create = actions.add_parser("create", help="write a schedule; one of this name is replaced with --replace")
    _add_name(create)
    create.add_argument("expression", metavar="EXPRESSION", help="rate(5 minutes), cron(0 8 ? * MON-FRI *), at(...)")
    what = create.add_mutually_exclusive_group(required=True)
    what.add_argument("--machine", help="the state machine that is started: its name or ARN")
    what.add_argument("--function", help="the function that is invoked: its name or ARN")
    create.add_argument("--input", metavar="JSON|@FILE|-", help="the input (default: the event that AWS sends)")
    _add_timezone(create)
    create.add_argument("--start", metavar="DATE", help="nothing falls due before (ISO 8601; without a zone it is UTC)")
    create.add_argument("--end", metavar="DATE", help="nothing falls due after")
    create.add_argument("--window", metavar="MINUTES", type=int, help="begin at some moment of so many minutes")
    create.add_argument(
        "--catch-up", choices=("all", "latest", "skip"), default="all", help="what becomes of missed runs"
    )
    create.add_argument("--overlap", choices=("allow", "skip"), default="allow", help="while an earlier run still runs")
    create.add_argument("--max-age", metavar="SECONDS", type=int, help="how long a start is tried (default: 86400)")
    create.add_argument("--max-retries", metavar="N", type=int, help="how often a start is tried again (default: 185)")
    create.add_argument("--delete-when-done", action="store_true", help="delete it after its last run")
    create.add_argument("--paused", action="store_true", help="write it without starting anything")
    create.add_argument("--description")
    create.add_argument("--replace", action="store_true", help="replace a schedule of this name")

    for name, about in (
        ("describe", "show a schedule"),
        ("pause", "start nothing until it is resumed"),
        ("resume", "go on with what falls due from now on"),
        ("delete", "delete a schedule"),
    ):
        _add_name(actions.add_parser(name, help=about))

    listing = actions.add_parser("list", help="list schedules")
    listing.add_argument("--group", help="only those of a group")
    listing.add_argument("--limit", type=int, default=100, help="how many are listed at most (default: 100)")

    following = actions.add_parser("next", help="show when a schedule, or an expression, falls due next")
    following.add_argument("name", metavar="NAME|EXPRESSION")
    following.add_argument("--group", default="default", help="the group (default: default)")
    following.add_argument("--count", type=int, default=5, help="how many times are shown (default: 5)")
    _add_timezone(following)

    for each in actions.choices.values():
        add_json(each)
        add_endpoint(each)


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--group", default="default", help="the group (default: default)")


def _add_timezone(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--timezone", metavar="ZONE", default="UTC", help="such as Europe/Berlin (default: UTC)")


def run(options: argparse.Namespace) -> ExitCode:
    action = {"create": _create, "list": _list, "describe": _describe, "delete": _delete, "next": _next}
    if options.action in action:
        return action[options.action](options)
    return _set_state(options, "DISABLED" if options.action == "pause" else "ENABLED")


def _create(options: argparse.Namespace) -> ExitCode:
    endpoint = Endpoint(endpoint_url(options.endpoint_url))
    if options.replace:
        held = {each["Name"] for each in _schedules(endpoint, options.group, options.name)}
    replacing = options.replace and options.name in held
    written = endpoint.send("PUT" if replacing else "POST", f"/schedules/{options.name}", _written(endpoint, options))
    print(json.dumps(written) if options.json else written["ScheduleArn"])
    return ExitCode.DONE


def _written(endpoint: Endpoint, options: argparse.Namespace) -> dict[str, Any]:
    """The schedule that the options say."""
    target: dict[str, Any] = {"RoleArn": _ROLE}
    if options.machine is not None:
        target["Arn"] = machine_arn(endpoint, options.machine)
    else:
        target["Arn"] = _function_arn(endpoint, options.function)
    if options.input is not None:
        target["Input"] = _read(options.input)
    policy = {"MaximumEventAgeInSeconds": options.max_age, "MaximumRetryAttempts": options.max_retries}
    if given := {member: value for member, value in policy.items() if value is not None}:
        target["RetryPolicy"] = given
    window = {"Mode": "OFF"} if options.window is None else _flexible(options.window)
    told = {
        "GroupName": options.group,
        "ScheduleExpression": options.expression,
        "ScheduleExpressionTimezone": options.timezone,
        "StartDate": _seconds(options.start),
        "EndDate": _seconds(options.end),
        "State": "DISABLED" if options.paused else "ENABLED",
        "Description": options.description,
        "Target": target,
        "FlexibleTimeWindow": window,
        "ActionAfterCompletion": "DELETE" if options.delete_when_done else "NONE",
        "CatchUp": options.catch_up,
        "Overlap": options.overlap,
    }
    return {member: value for member, value in told.items() if value is not None}


def _flexible(minutes: int) -> dict[str, Any]:
    return {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": minutes}


def _function_arn(endpoint: Endpoint, function: str) -> str:
    """The ARN of a function that is given by name or by ARN."""
    if function.startswith("arn:"):
        return function
    return str(endpoint.send("GET", f"/2015-03-31/functions/{function}/configuration")["FunctionArn"])


def _list(options: argparse.Namespace) -> ExitCode:
    endpoint = Endpoint(endpoint_url(options.endpoint_url))
    found = list(itertools.islice(_schedules(endpoint, options.group), max(options.limit, 0)))
    if options.json:
        print(json.dumps(found))
    elif found:
        rows = [
            (
                each["Name"] if each["GroupName"] == "default" else f"{each['GroupName']}/{each['Name']}",
                each["ScheduleExpression"],
                each["ScheduleExpressionTimezone"],
                {"ENABLED": "on", "DISABLED": "paused"}[each["State"]],
                moment(each["NextDate"]) if "NextDate" in each else "-",
                each["Target"]["Arn"].rpartition(":")[2],
            )
            for each in found
        ]
        table(open_screen(sys.stdout), ("name", "expression", "time zone", "state", "next", "starts"), rows)
    return ExitCode.DONE


def _schedules(endpoint: Endpoint, group: str | None, prefix: str | None = None) -> Iterator[dict[str, Any]]:
    token = None
    while True:
        answer = endpoint.send("GET", "/schedules", ScheduleGroup=group, NamePrefix=prefix, NextToken=token)
        yield from answer["Schedules"]
        token = answer.get("NextToken")
        if token is None:
            return


def _describe(options: argparse.Namespace) -> ExitCode:
    found = _found(Endpoint(endpoint_url(options.endpoint_url)), options)
    if options.json:
        print(json.dumps(found))
        return ExitCode.DONE
    target = found.pop("Target")
    rows = [(member, _shown(member, value)) for member, value in found.items()]
    rows += [(f"Target.{member}", _shown(member, value)) for member, value in target.items()]
    table(open_screen(sys.stdout), ("member", "value"), rows)
    return ExitCode.DONE


def _found(endpoint: Endpoint, options: argparse.Namespace) -> dict[str, Any]:
    return endpoint.send("GET", f"/schedules/{options.name}", groupName=options.group)


def _shown(member: str, value: object) -> str:
    if member.endswith("Date") and isinstance(value, int | float):
        return moment(value)
    return value if isinstance(value, str) else json.dumps(value)


def _set_state(options: argparse.Namespace, state: str) -> ExitCode:
    endpoint = Endpoint(endpoint_url(options.endpoint_url))
    found = _found(endpoint, options)
    endpoint.send("PUT", f"/schedules/{options.name}", {**found, "State": state})
    found = _found(endpoint, options)
    due = found.get("NextDate")
    if options.json:
        print(json.dumps(found))
    else:
        print(f"{options.name} is paused" if state == "DISABLED" else f"{options.name} goes on; next: {_when(due)}")
    return ExitCode.DONE


def _delete(options: argparse.Namespace) -> ExitCode:
    endpoint = Endpoint(endpoint_url(options.endpoint_url))
    endpoint.send("DELETE", f"/schedules/{options.name}", groupName=options.group)
    print("{}" if options.json else f"{options.name} is deleted")
    return ExitCode.DONE


def _next(options: argparse.Namespace) -> ExitCode:
    from stepwell.schedule.expression import InvalidExpression, Timing, parse, zone

    text, timezone, bounds = options.name, options.timezone, (None, None)
    now = round(datetime.now(UTC).timestamp() * 1000)
    anchor = now
    if not re.match(r"(rate|cron|at)\(", text):
        found = _found(Endpoint(endpoint_url(options.endpoint_url)), options)
        text, timezone = found["ScheduleExpression"], found["ScheduleExpressionTimezone"]
        bounds = (found.get("StartDate"), found.get("EndDate"))
        anchor = round(found.get("NextDate", found["CreationDate"]) * 1000)
        if found["State"] == "DISABLED":
            print(f"{options.name} is paused; resumed now, it would fall due:", file=sys.stderr)
    try:
        start, end = (None if bound is None else round(bound * 1000) for bound in bounds)
        timing = Timing(expression=parse(text), zone=zone(timezone), anchor=anchor, start=start, end=end)
    except InvalidExpression as fault:
        raise CommandFailed(str(fault), ExitCode.WRONG_USE) from fault
    times: list[int] = []
    due = timing.next_after(now - 1)
    while due is not None and len(times) < options.count:
        times.append(due)
        due = timing.next_after(due)
    local = [datetime.fromtimestamp(each / 1000, zone(timezone)).isoformat(timespec="seconds") for each in times]
    print(json.dumps(local) if options.json else "\n".join(local) or "It falls due no more.")
    return ExitCode.DONE


def _when(due: float | None) -> str:
    return "never" if due is None else moment(due)


def _seconds(text: str | None) -> float | None:
    """Seconds since 1970 of a date. Raises CommandFailed."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise CommandFailed(f"{text!r} is no date, such as 2030-01-31T08:00:00+01:00.", ExitCode.WRONG_USE) from None
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()


def _read(value: str) -> str:
    """The input that `--input` names. A context attribute may stand in it without quotes, so the server checks it."""
    return read_text(value.removeprefix("@")) if value == "-" or value.startswith("@") else value
