"""`stepwell compact`: write a database anew, without the room that is free in it."""

from __future__ import annotations

import argparse
import os
import sys

from stepwell.commands.arguments import add_store, store_path
from stepwell.commands.exit_code import CommandFailed, ExitCode

DESCRIPTION = """\
Write a database anew, without the room that is free in it. The server must be stopped; the disk must hold the database
twice meanwhile. Needed once at most, for a file that an earlier version has made: others give room back by themselves
while the server runs. `stepwell doctor` tells."""
EXAMPLES = """\
  stepwell compact
  stepwell compact --store catalog.db
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_store(parser)


def run(options: argparse.Namespace) -> ExitCode:
    from stepwell.store.protocol import StoreError
    from stepwell.store.sqlite.compact import compact

    database = store_path(options, os.environ)
    try:
        before, after = compact(database)
    except StoreError as error:
        raise CommandFailed(str(error)) from error
    print(f"{database} takes {after / 1e6:.1f} MB now; it took {before / 1e6:.1f} MB", file=sys.stderr)
    return ExitCode.DONE
