"""`stepwell serve`: run the server."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from stepwell.commands.exit_code import CommandFailed, ExitCode

DESCRIPTION = """\
Run the server: the API of AWS Step Functions, and the app's functions, state machines and routes.
Executions that an earlier server left go on. SIGTERM and Ctrl-C stop it gracefully."""
EXAMPLES = """\
  stepwell serve                                        an empty server on http://127.0.0.1:8083
  stepwell serve apps.catalog:app --store catalog.db    a server with an app
  stepwell serve template.yaml --parameter Env=dev      a SAM or CloudFormation template, or one of CDK's
  stepwell serve apps.catalog:app --watch               reloads code and definitions when they change
  stepwell serve --mock-config MockConfigFile.json      with the mocks of Step Functions Local
  stepwell serve --clock virtual                        every wait is over at once, with the dates of a real one
  stepwell serve --port 0                               on a free port; the first line tells which

Options override variables (STEPWELL_PORT), and those override stepwell.toml; docs/settings.md lists all settings.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "app",
        metavar="APP",
        nargs="?",
        help="MODULE:ATTRIBUTE of an app, the attribute being `app` when left out; or a template's file",
    )
    parser.add_argument("--host", help="the address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", help="the port to listen on (default: 8083)")
    parser.add_argument("--store", metavar="PATH|URL", help="where executions are kept (default: stepwell.db)")
    parser.add_argument(
        "--parameter",
        metavar="NAME=VALUE",
        dest="parameters",
        action="append",
        help="a value for a template's parameter; may be said more than once",
    )
    parser.add_argument("--objects-folder", metavar="DIR", help="a folder whose folders stand in for S3's buckets")
    parser.add_argument("--mock-config", metavar="FILE", help="mocks, as Step Functions Local reads them")
    parser.add_argument("--clock", help="the clock of executions that ask for none: real, virtual, virtual-held")
    parser.add_argument("--region", help="the AWS region in ARNs (default: us-east-1)")
    parser.add_argument("--account", help="the AWS account in ARNs (default: 123456789012)")
    parser.add_argument(
        "--grace", metavar="SECONDS", help="how long running handlers may go on after a stop (default: 10)"
    )
    parser.add_argument(
        "--watch", action="store_true", default=None, help="reload code and definitions when they change"
    )
    parser.add_argument("--log-level", metavar="LEVEL", help="debug, info, warning or error (default: warning)")
    parser.add_argument(
        "--config", metavar="FILE", help="the settings file (default: stepwell.toml, where there is one)"
    )


def run(options: argparse.Namespace) -> ExitCode:
    from stepwell.settings import SettingsError, load_settings

    given = {name: value for name, value in vars(options).items() if name != "config"}
    try:
        settings = load_settings(os.environ, given, Path.cwd(), options.config)
    except SettingsError as error:
        raise CommandFailed(str(error), ExitCode.WRONG_USE) from error

    from stepwell import event_loop
    from stepwell.app import AppError
    from stepwell.auth.table import AuthError
    from stepwell.serve import PortTaken, serve
    from stepwell.store.protocol import StoreError
    from stepwell.tasks.mock import MockConfigError

    try:
        event_loop.run(serve(settings))
    except (AppError, AuthError, MockConfigError) as error:
        raise CommandFailed(str(error), ExitCode.WRONG_USE) from error
    except (StoreError, PortTaken) as error:
        raise CommandFailed(str(error)) from error
    return ExitCode.DONE
