"""`stepwell notify`: who is told of executions, and what could not be delivered."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from stepwell.commands.arguments import add_endpoint, add_json
from stepwell.commands.endpoint import Endpoint, endpoint_url
from stepwell.commands.exit_code import CommandFailed, ExitCode
from stepwell.commands.screen import moment, open_screen, table

DESCRIPTION = "Tell webhooks, SNS topics and event buses how executions end; look after what could not be delivered."
EXAMPLES = """\
  stepwell notify add --webhook https://example.com/hooks --secret WEBHOOK_SECRET
  stepwell notify add --machine Report --topic arn:aws:sns:eu-west-1:123456789012:alarms --on FAILED,TIMED_OUT
  stepwell notify list
  stepwell notify remove 3
  stepwell notify dead
  stepwell notify retry --all
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")

    add = actions.add_parser("add", help="add a rule; one of the same machine and receiver is replaced")
    add.add_argument("--machine", default="*", help="the state machine: its name or ARN (default: all)")
    to = add.add_mutually_exclusive_group(required=True)
    to.add_argument("--webhook", metavar="URL", help="where the event is posted")
    to.add_argument("--topic", metavar="ARN", help="an SNS topic")
    to.add_argument("--bus", metavar="NAME|ARN", help="an event bus of EventBridge")
    add.add_argument("--secret", metavar="VARIABLE", help="the server's environment variable with the webhook's secret")
    add.add_argument("--on", metavar="STATUS,...", help="which statuses (default: SUCCEEDED,FAILED,TIMED_OUT,ABORTED)")

    actions.add_parser("list", help="list the rules")
    remove = actions.add_parser("remove", help="remove a rule")
    remove.add_argument("id", metavar="ID", type=int)
    actions.add_parser("dead", help="list what was given up")
    for name, about in (("retry", "try what was given up again"), ("drop", "forget what was given up")):
        each = actions.add_parser(name, help=about)
        each.add_argument("id", metavar="ID", type=int, nargs="?")
        each.add_argument("--all", action="store_true", help="all of them")

    for each in actions.choices.values():
        add_json(each)
        add_endpoint(each)


def run(options: argparse.Namespace) -> ExitCode:
    endpoint = Endpoint(endpoint_url(options.endpoint_url))
    actions = {"add": _add, "list": _list, "remove": _remove, "dead": _dead}
    return actions.get(options.action, _clear)(endpoint, options)


def _add(endpoint: Endpoint, options: argparse.Namespace) -> ExitCode:
    told: dict[str, Any] = {
        "machine": options.machine,
        "webhook": options.webhook,
        "topic": options.topic,
        "bus": options.bus,
        "secret": options.secret,
    }
    if options.on is not None:
        told["on"] = [status.strip().upper() for status in options.on.split(",")]
    added = endpoint.send("POST", "/notifications/rules", told)
    print(json.dumps(added) if options.json else added["id"])
    return ExitCode.DONE


def _list(endpoint: Endpoint, options: argparse.Namespace) -> ExitCode:
    rules = endpoint.send("GET", "/notifications/rules")["rules"]
    if options.json:
        print(json.dumps(rules))
    elif rules:
        rows = [
            (
                str(rule["id"]),
                rule["machine"].rpartition(":")[2],
                " ".join(rule["on"]),
                _receiver(rule),
                "app" if rule["declared"] else "",
            )
            for rule in rules
        ]
        table(open_screen(sys.stdout), ("id", "machine", "on", "receiver", "by"), rows)
    return ExitCode.DONE


def _remove(endpoint: Endpoint, options: argparse.Namespace) -> ExitCode:
    endpoint.send("DELETE", f"/notifications/rules/{options.id}")
    print("{}" if options.json else f"Rule {options.id} is removed.")
    return ExitCode.DONE


def _dead(endpoint: Endpoint, options: argparse.Namespace) -> ExitCode:
    found: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        answer = endpoint.send("GET", "/notifications/dead", after=after)
        found += answer["dead"]
        after = answer.get("next")
    if options.json:
        print(json.dumps(found))
    elif found:
        rows = [
            (str(each["id"]), moment(each["died"]), str(each["attempts"]), _receiver(each), each["error"] or "")
            for each in found
        ]
        table(open_screen(sys.stdout), ("id", "given up", "tries", "receiver", "error"), rows)
    return ExitCode.DONE


def _clear(endpoint: Endpoint, options: argparse.Namespace) -> ExitCode:
    if (options.id is None) != options.all:
        raise CommandFailed(f"Name one delivery (`stepwell notify {options.action} ID`), or --all.", ExitCode.WRONG_USE)
    one = "" if options.id is None else f"/{options.id}"
    if options.action == "retry":
        answer = endpoint.send("POST", f"/notifications/dead{one}/retry")
    else:
        answer = endpoint.send("DELETE", f"/notifications/dead{one}")
    print(json.dumps(answer) if options.json else answer["count"])
    return ExitCode.DONE


def _receiver(told: dict[str, Any]) -> str:
    return str(told.get("webhook") or told.get("topic") or told.get("bus"))
