"""`stepwell waiters`: waiters for botocore, which has none for Step Functions."""

from __future__ import annotations

import argparse
from pathlib import Path

import stepwell
from stepwell.commands.exit_code import ExitCode

DESCRIPTION = """\
Print the folder in which botocore finds waiters for Step Functions, for AWS_DATA_PATH. They work against AWS too.
  execution_succeeded     until it has SUCCEEDED; raises WaiterError where it ends otherwise
  execution_ended         until it has ended, in whatever way
  map_run_ended           until a map run has ended
  state_machine_deleted   until a state machine is gone"""
EXAMPLES = """\
  export AWS_DATA_PATH="$(stepwell waiters)"
  python -c 'import boto3; boto3.client("stepfunctions").get_waiter("execution_succeeded").wait(executionArn="...")'
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has none of its own."""


def run(options: argparse.Namespace) -> ExitCode:  # as every command
    print(Path(stepwell.__file__).parent / "botocore_data")
    return ExitCode.DONE
