"""`stepwell run`: one execution, here and now, on an engine of its own."""

from __future__ import annotations

import argparse

from stepwell.commands.arguments import add_input, add_json, add_virtual, read_input, read_text
from stepwell.commands.exit_code import CommandFailed, ExitCode

DESCRIPTION = """\
Run one execution of a definition, without a server, and show it as it goes. The output goes to standard output, the
progress to standard error; nothing is kept. The exit code says how the execution ended."""
EXAMPLES = """\
  stepwell run hello.asl.json --input '{"name": "Ada"}'
  stepwell run catalog.asl.json --app apps.catalog:app --input @input.json
  stepwell run yearly.asl.json --virtual                             a year of waits in a moment
  stepwell run order.asl.json --mock-config MockConfigFile.json --test-case HappyPath
  echo '{}' | stepwell run hello.asl.json --input - --json

exit codes: 0 SUCCEEDED, 1 FAILED, 2 nothing was run, 3 TIMED_OUT, 4 ABORTED, 130 Ctrl-C
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the definition, in JSON or YAML; - is standard input")
    add_input(parser)
    parser.add_argument("--app", metavar="APP", help="MODULE:ATTRIBUTE of the app whose functions are called")
    parser.add_argument("--name", help="the state machine's name (default: the file's name up to its first dot)")
    parser.add_argument("--mock-config", metavar="FILE", help="mocks, as Step Functions Local reads them")
    parser.add_argument("--test-case", metavar="NAME", help="the test case whose mocks are used")
    add_virtual(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> ExitCode:
    from stepwell import event_loop
    from stepwell.app import AppError
    from stepwell.commands.own_engine import execute
    from stepwell.settings import SettingsError
    from stepwell.store.protocol import StoreError
    from stepwell.tasks.mock import MockConfigError

    input_text, definition = read_input(options.input), read_text(options.file)
    try:
        return event_loop.run(execute(options, definition, input_text))
    except (AppError, MockConfigError, SettingsError) as error:
        raise CommandFailed(str(error), ExitCode.WRONG_USE) from error
    except StoreError as error:
        raise CommandFailed(str(error)) from error
