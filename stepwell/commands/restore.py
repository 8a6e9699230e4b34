"""`stepwell restore`: put a backup in the place of a database."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from stepwell.commands.arguments import add_store, store_path
from stepwell.commands.exit_code import CommandFailed, ExitCode

DESCRIPTION = """\
Put a backup in the place of a server's database. The server must be stopped; what was there before is kept beside it.
Executions go on from where they stood when the backup was made: tasks that were carried out since then run again."""
EXAMPLES = """\
  stepwell restore backups/monday.db
  stepwell restore /backups/catalog.db --store catalog.db
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("copy", metavar="FILE", help="a file that `stepwell backup` has made")
    add_store(parser)


def run(options: argparse.Namespace) -> ExitCode:
    from stepwell.store.protocol import StoreError
    from stepwell.store.sqlite.backup import restore

    database = store_path(options, os.environ)
    try:
        kept = restore(Path(options.copy).absolute(), database)
    except StoreError as error:
        raise CommandFailed(str(error)) from error
    before = f"; what was there is now {kept}" if kept else ""
    print(f"{database} is what {options.copy} holds{before}", file=sys.stderr)
    return ExitCode.DONE
