"""The command line: finds the command, runs it, and turns what it raises into one line and an exit code.

Rules that must stay true here:
- Only the named command's module is imported, and a command imports what is heavy when it runs: `--help` is fast.
- Results go to standard output, everything else to standard error.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from collections.abc import Sequence

from stepwell import __version__
from stepwell.commands.exit_code import CommandFailed, ExitCode

COMMANDS = {
    "serve": "run the server, with or without an app",
    "worker": "run an app's functions for a server that may be elsewhere",
    "run": "run one definition here and now, without a server",
    "chaos": "kill the server at every commit of a run, and compare the ends",
    "replay": "replay a recorded execution on a definition that may have changed",
    "validate": "check definitions, and say everything that is wrong with them",
    "create": "create a state machine, or update it",
    "start": "start an execution",
    "describe": "show an execution or a state machine",
    "history": "show what an execution did, and follow it",
    "wait": "wait until an execution has ended",
    "list": "list state machines, or the executions of one",
    "logs": "show what functions write, and follow it",
    "stop": "stop an execution",
    "jobs": "start jobs, list them, wait for one, cancel one",
    "cost": "tell what executions would have cost on AWS",
    "notify": "tell others how executions end",
    "schedule": "start machines and functions at a time",
    "connection": "say how requests of HTTP tasks are authorised",
    "backup": "copy a database that may be in use",
    "restore": "put a backup in the place of a database",
    "compact": "write a database anew, without what is free in it",
    "doctor": "look at a database, and say whether it fits together",
    "env": "print the variables that point AWS's tools here",
    "waiters": "print where botocore finds waiters for executions",
}

# Containers made until the collector looks for circles: more than any command imports, none of which is garbage. With
# Python's own 700, these looks take a tenth of a start.
_COLLECT = 100_000

_EPILOG = """
examples:
  stepwell serve                                an empty server, on http://127.0.0.1:8083
  stepwell serve apps.catalog:app               a server with an app
  eval "$(stepwell env)"                        then: aws stepfunctions list-state-machines
  stepwell run hello.asl.json --input '{"n": 1}'

`stepwell COMMAND --help` tells more of a command.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; the answer is the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(words)
    except CommandFailed as failed:
        print(f"stepwell: {failed}", file=sys.stderr)
        return failed.code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough. The interpreter's own flush at the end must not fail as well.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE


def _run(words: list[str]) -> int:
    if not words or words[0] not in COMMANDS:
        parser = _parser()
        parser.parse_args(words)
        parser.print_help()
        return ExitCode.WRONG_USE
    gc.set_threshold(_COLLECT)
    command = importlib.import_module(f"stepwell.commands.{words[0]}")
    parser = argparse.ArgumentParser(
        prog=f"stepwell {words[0]}",
        description=command.DESCRIPTION,
        epilog=f"examples:\n{command.EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.add_arguments(parser)
    code: int = command.run(parser.parse_args(words[1:]))
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stepwell",
        usage="stepwell COMMAND ...",
        description="Jobs that outlive a request, run as AWS Step Functions state machines on your own machine.",
        epilog="commands:\n" + "".join(f"  {name:<12}{summary}\n" for name, summary in COMMANDS.items()) + _EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"stepwell {__version__}")
    parser.add_argument("command", metavar="COMMAND", choices=COMMANDS, nargs="?", help=argparse.SUPPRESS)
    return parser
