"""`stepwell replay`: would a real execution take the same path through this definition?"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from stepwell.commands.arguments import add_json, read_text
from stepwell.commands.exit_code import CommandFailed, ExitCode

DESCRIPTION = """\
Replay a recorded execution on a definition that may have changed, and say where its path is another one. Nothing is
called: tasks are answered as they were, and waits are over at once."""
EXAMPLES = """\
  aws stepfunctions get-execution-history --execution-arn ARN --include-execution-data > history.json
  stepwell replay history.json order.asl.json
  stepwell replay history.json order.asl.json --app apps.orders:app --json

exit codes: 0 the path is the same, 1 it is another one, 2 it cannot be replayed
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("history", metavar="HISTORY", help="the history, as get-execution-history answers it; or -")
    parser.add_argument("definition", metavar="DEFINITION", help="the file of the definition")
    parser.add_argument("--app", metavar="APP", help="MODULE:ATTRIBUTE of the app whose functions the definition names")
    add_json(parser)


def run(options: argparse.Namespace) -> ExitCode:
    text = read_text(options.history)

    from stepwell.app import AppError
    from stepwell.testing import TestFault, replay

    try:
        found = replay(text, Path(options.definition), app=options.app)
    except (TestFault, AppError) as fault:
        raise CommandFailed(str(fault), ExitCode.WRONG_USE) from fault
    if options.json:
        told = {
            "same": found.same,
            "differences": list(found.differences),
            "recorded": {"status": found.recorded.status, "path": found.recorded.path},
            "replayed": {"status": found.result.status, "path": found.result.path},
        }
        print(json.dumps(told, ensure_ascii=False))
    else:
        print(found)
    return ExitCode.DONE if found.same else ExitCode.FAILED
