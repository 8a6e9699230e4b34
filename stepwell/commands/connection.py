"""`stepwell connection`: how the requests of HTTP tasks are authorised.

Rules that must stay true here:
- A secret is never an argument, which a shell remembers and other users see: the variable that holds it is named.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from stepwell.commands.arguments import add_endpoint, add_json
from stepwell.commands.endpoint import Endpoint, Refused, endpoint_url
from stepwell.commands.exit_code import CommandFailed, ExitCode
from stepwell.commands.screen import open_screen, table

DESCRIPTION = "Make connections for HTTP tasks (arn:aws:states:::http:invoke): keys, passwords, OAuth clients."
EXAMPLES = """\
  stepwell connection put vendor --api-key X-Api-Key=VENDOR_KEY       the key is in the variable VENDOR_KEY
  stepwell connection put legacy --basic me=LEGACY_PASSWORD
  stepwell connection put crm --oauth https://login.example/token --client c-1=CRM_SECRET --scope orders
  stepwell connection list
  stepwell connection describe vendor
  stepwell connection delete vendor
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")

    put = actions.add_parser("put", help="make a connection, or change the one of this name")
    put.add_argument("name", metavar="NAME")
    how = put.add_mutually_exclusive_group(required=True)
    how.add_argument("--api-key", metavar="HEADER=VARIABLE", help="a key that is sent in a header")
    how.add_argument("--basic", metavar="USER=VARIABLE", help="a user's name and password")
    how.add_argument("--oauth", metavar="URL", help="where tokens are issued for client credentials")
    put.add_argument("--client", metavar="ID=VARIABLE", help="the client's id and secret, with --oauth")
    put.add_argument("--scope", help="what the token is for, with --oauth")
    put.add_argument("--description")

    for name, about in (("describe", "show a connection, without what is secret"), ("delete", "delete a connection")):
        actions.add_parser(name, help=about).add_argument("name", metavar="NAME")
    actions.add_parser("list", help="list connections")

    for each in actions.choices.values():
        add_json(each)
        add_endpoint(each)


def run(options: argparse.Namespace) -> ExitCode:
    endpoint = Endpoint(endpoint_url(options.endpoint_url))
    if options.action == "put":
        return _put(endpoint, options)
    if options.action == "list":
        return _list(endpoint, options)
    operation = "DescribeConnection" if options.action == "describe" else "DeleteConnection"
    found = endpoint.call_events(operation, Name=options.name)
    if options.json:
        print(json.dumps(found))
    elif options.action == "delete":
        print(f"{options.name} is deleted")
    else:
        rows = [(member, value if isinstance(value, str) else json.dumps(value)) for member, value in found.items()]
        table(open_screen(sys.stdout), ("member", "value"), rows)
    return ExitCode.DONE


def _put(endpoint: Endpoint, options: argparse.Namespace) -> ExitCode:
    members = {"Name": options.name, "Description": options.description, **_authorization(options)}
    try:
        made = endpoint.call_events("CreateConnection", **members)
    except Refused as refused:
        if refused.error != "ResourceAlreadyExistsException":
            raise
        made = endpoint.call_events("UpdateConnection", **members)
    print(json.dumps(made) if options.json else made["ConnectionArn"])
    return ExitCode.DONE


def _list(endpoint: Endpoint, options: argparse.Namespace) -> ExitCode:
    page = endpoint.call_events("ListConnections")
    found: list[dict[str, Any]] = page["Connections"]
    while "NextToken" in page:
        page = endpoint.call_events("ListConnections", NextToken=page["NextToken"])
        found += page["Connections"]
    if options.json:
        print(json.dumps(found))
    elif found:
        rows = [(each["Name"], each["AuthorizationType"], each["ConnectionArn"]) for each in found]
        table(open_screen(sys.stdout), ("name", "type", "ARN"), rows)
    return ExitCode.DONE


def _authorization(options: argparse.Namespace) -> dict[str, Any]:
    """Raises CommandFailed."""
    if options.api_key is not None:
        name, key = _pair("--api-key", options.api_key)
        own: dict[str, Any] = {"ApiKeyAuthParameters": {"ApiKeyName": name, "ApiKeyValue": key}}
        return {"AuthorizationType": "API_KEY", "AuthParameters": own}
    if options.basic is not None:
        username, password = _pair("--basic", options.basic)
        own = {"BasicAuthParameters": {"Username": username, "Password": password}}
        return {"AuthorizationType": "BASIC", "AuthParameters": own}
    if options.client is None:
        raise CommandFailed("--oauth needs --client ID=VARIABLE.", ExitCode.WRONG_USE)
    id, secret = _pair("--client", options.client)
    oauth: dict[str, Any] = {
        "AuthorizationEndpoint": options.oauth,
        "HttpMethod": "POST",
        "ClientParameters": {"ClientID": id, "ClientSecret": secret},
    }
    if options.scope is not None:
        scope = {"Key": "scope", "Value": options.scope, "IsValueSecret": False}
        oauth["OAuthHttpParameters"] = {"BodyParameters": [scope]}
    return {"AuthorizationType": "OAUTH_CLIENT_CREDENTIALS", "AuthParameters": {"OAuthParameters": oauth}}


def _pair(option: str, given: str) -> tuple[str, str]:
    """The name, and what the variable behind the equals sign holds. Raises CommandFailed."""
    name, _, variable = given.rpartition("=")
    if not name or not variable:
        raise CommandFailed(f"{option} takes a name and a variable: NAME=VARIABLE.", ExitCode.WRONG_USE)
    value = os.environ.get(variable)
    if not value:
        raise CommandFailed(
            f"{option}: the variable {variable} is not set. It has to hold the secret.", ExitCode.WRONG_USE
        )
    return name, value
