"""`stepwell env`: point AWS's tools at a server."""

from __future__ import annotations

import argparse
import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from stepwell.aws_environment import aws_variables
from stepwell.commands.arguments import add_endpoint, add_json
from stepwell.commands.endpoint import endpoint_url
from stepwell.commands.exit_code import CommandFailed, ExitCode

DESCRIPTION = "Print the variables that point the AWS CLI and SDKs at a server, in the language of a shell."
EXAMPLES = """\
  eval "$(stepwell env)"                                             sh, bash, zsh
  stepwell env --shell fish | source                                 fish
  stepwell env --shell powershell | Out-String | Invoke-Expression   PowerShell

Credentials are printed only where you have none: AWS's tools refuse to start without. A server that asks who is
calling does not know these: docs/auth.md.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--shell", choices=("sh", "fish", "powershell"), default="sh", help="(default: sh)")
    add_json(parser)
    add_endpoint(parser)


def run(options: argparse.Namespace) -> ExitCode:
    variables = aws_variables(endpoint_url(options.endpoint_url), _region(os.environ), os.environ)
    if options.json:
        print(json.dumps(variables))
        return ExitCode.DONE
    for name, value in variables.items():
        if options.shell == "fish":
            print(f"set -gx {name} {shlex.quote(value)}")
        elif options.shell == "powershell":
            print(f"$env:{name} = '{value.replace(chr(39), chr(39) * 2)}'")
        else:
            print(f"export {name}={shlex.quote(value)}")
    return ExitCode.DONE


def _region(environ: Mapping[str, str]) -> str:
    from stepwell.settings import SettingsError, load_settings

    try:
        return load_settings(environ, {}, Path.cwd()).region
    except SettingsError as error:
        raise CommandFailed(str(error), ExitCode.WRONG_USE) from error
