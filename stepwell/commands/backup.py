"""`stepwell backup`: copy a database that may be in use."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from stepwell.commands.arguments import add_store, store_path
from stepwell.commands.exit_code import CommandFailed, ExitCode

DESCRIPTION = """\
Copy the database of a server, which goes on meanwhile. The copy is one moment of it: checked, compact, and on the disk
when the command ends. The vault's key is not in it: keep that in another place."""
EXAMPLES = """\
  stepwell backup backups/monday.db
  stepwell backup /backups/catalog.db --store catalog.db
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("copy", metavar="FILE", help="where the copy goes; a file of this name is replaced")
    add_store(parser)


def run(options: argparse.Namespace) -> ExitCode:
    from stepwell.store.protocol import StoreError
    from stepwell.store.sqlite.backup import back_up

    database = store_path(options, os.environ)
    try:
        size = back_up(database, Path(options.copy).absolute())
    except StoreError as error:
        raise CommandFailed(str(error)) from error
    print(f"{database} is copied to {options.copy} ({size / 1e6:.1f} MB)", file=sys.stderr)
    return ExitCode.DONE
