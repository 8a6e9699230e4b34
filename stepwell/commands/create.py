"""`stepwell create`: create a state machine on a running server, or update it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from stepwell.commands.arguments import add_endpoint, add_json, read_definition
from stepwell.commands.endpoint import Endpoint, Refused, endpoint_url
from stepwell.commands.exit_code import ExitCode

DESCRIPTION = "Create a state machine from a definition, or update it; executions under way keep what they began with."
EXAMPLES = """\
  stepwell create hello.asl.json                        as the state machine `hello`
  stepwell create hello.asl.json --name Greeter --role-arn arn:aws:iam::123456789012:role/Greeter
"""

ROLE_ARN = "arn:aws:iam::123456789012:role/stepwell"
"""A role is part of the API; nothing is asked of it here."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the definition, in JSON or YAML; - is standard input")
    parser.add_argument("--name", help="the state machine's name (default: the file's name up to its first dot)")
    parser.add_argument("--type", choices=("STANDARD", "EXPRESS"), default="STANDARD", help="(default: STANDARD)")
    parser.add_argument("--role-arn", metavar="ARN", default=ROLE_ARN, help="the role's ARN, shown as it is given")
    add_json(parser)
    add_endpoint(parser)


def run(options: argparse.Namespace) -> ExitCode:
    definition = read_definition(options.file)
    endpoint = Endpoint(endpoint_url(options.endpoint_url))
    name = options.name or Path(options.file).name.split(".")[0]
    members = {"definition": definition, "roleArn": options.role_arn}
    try:
        answer = endpoint.call("CreateStateMachine", name=name, type=options.type, **members)
    except Refused as refused:
        if refused.error != "StateMachineAlreadyExists":
            raise
        arn = _existing(endpoint, name)
        answer = {"stateMachineArn": arn, **endpoint.call("UpdateStateMachine", stateMachineArn=arn, **members)}
    print(json.dumps(answer) if options.json else answer["stateMachineArn"])
    return ExitCode.DONE


def _existing(endpoint: Endpoint, name: str) -> str:
    machines = endpoint.pages("ListStateMachines", "stateMachines", maxResults=1000)
    return next(str(machine["stateMachineArn"]) for machine in machines if machine["name"] == name)
