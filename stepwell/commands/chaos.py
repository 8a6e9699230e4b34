"""`stepwell chaos`: does a machine end in the same way wherever the server is killed?"""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from stepwell.commands.arguments import add_input, add_json, read_input
from stepwell.commands.exit_code import CommandFailed, ExitCode

if TYPE_CHECKING:
    from stepwell.tasks.mock import MockConfig
    from stepwell.testing import Chaos

DESCRIPTION = """\
Run a machine over and over, and kill the server before and after every commit in turn. Another one goes on with what
the first has left, as after `kill -9`. Shown are ends that differ, and the tasks that were carried out more than once:
these have to bear it. Time is virtual. Tasks go to the app's functions, in this process, and to mocks; nothing else is
called, and what handlers print is left out."""
EXAMPLES = """\
  stepwell chaos order.asl.json --input '{"id": 7}' --app shop:app
  stepwell chaos order.asl.json --mock-config MockConfigFile.json --test-case HappyPath
  stepwell chaos order.asl.json --app shop:app --most 40 --json

exit codes: 0 every run ends in the same way, 1 one does not, 2 nothing could be run
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the definition")
    add_input(parser)
    parser.add_argument("--app", metavar="APP", help="MODULE:ATTRIBUTE of the app whose functions are called")
    parser.add_argument("--name", help="the state machine's name (default: the file's name up to its first dot)")
    parser.add_argument("--mock-config", metavar="FILE", help="mocks, as Step Functions Local reads them")
    parser.add_argument("--test-case", metavar="NAME", help="the test case whose mocks are used")
    parser.add_argument(
        "--most", metavar="N", type=int, default=200, help="try at most so many crash points, spread evenly (200)"
    )
    add_json(parser)


def run(options: argparse.Namespace) -> ExitCode:
    input_text = read_input(options.input)
    if options.most < 1:
        raise CommandFailed("--most wants at least 1 crash point.", ExitCode.WRONG_USE)
    if (options.mock_config is None) is not (options.test_case is None):
        raise CommandFailed("--mock-config and --test-case go together: name both, or none.", ExitCode.WRONG_USE)

    from stepwell.app import AppError
    from stepwell.tasks.mock import MockConfig, MockConfigError
    from stepwell.testing import TestFault
    from stepwell.testing.chaos import Matrix

    config = None
    try:
        if options.mock_config is not None:
            config = MockConfig.load(options.mock_config)
        matrix = Matrix(
            definition=Path(options.file),
            input=input_text,
            app=options.app,
            name=options.name,
            config=config,
            test_case=options.test_case,
            most=options.most,
        )
        if config is not None:
            _check_test_case(config, options.test_case, matrix.machine_name)
        with Path(os.devnull).open("w") as nothing, redirect_stdout(nothing):
            found = matrix(_show_progress if sys.stderr.isatty() else lambda done, of: None)
    except (TestFault, AppError, MockConfigError) as fault:
        way_out = "" if options.app or config else "\n--app names an app with functions, --mock-config a file of mocks."
        raise CommandFailed(f"{fault}{way_out}", ExitCode.WRONG_USE) from fault
    print(json.dumps(_as_json(found), ensure_ascii=False) if options.json else found)
    return ExitCode.DONE if found.same else ExitCode.FAILED


def _check_test_case(config: MockConfig, test_case: str, machine: str) -> None:
    if config.test_case(machine, test_case) is None:
        known = ", ".join(config.test_cases(machine)) or "none"
        raise CommandFailed(
            f"The mocks have no test case {test_case!r} for the state machine {machine!r}; they have {known}. Is the"
            " name of the state machine another there? Give it with --name.",
            ExitCode.WRONG_USE,
        )


def _show_progress(done: int, of: int) -> None:
    end = "\r\033[K" if done == of else ""
    print(f"\rcrash point {done} of {of}{end}", end="", file=sys.stderr, flush=True)


def _as_json(found: Chaos) -> dict[str, object]:
    return {
        "same": found.same,
        "commits": found.commits,
        "crashPoints": found.points,
        "expected": _end(found.expected),
        "different": [{"at": str(run.point or "no crash"), **_end(run.end)} for run in found.different],
        "repeated": [{"state": task.state, "runs": task.runs, "most": task.most} for task in found.repeated],
    }


def _end(end: object) -> dict[str, object]:
    members = {name: getattr(end, name) for name in ("status", "output", "error", "cause")}
    return {name: value for name, value in members.items() if value is not None}
