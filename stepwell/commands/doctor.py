"""`stepwell doctor`: look at a database, and say whether it fits together."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from stepwell.commands.arguments import add_json, add_store, store_path
from stepwell.commands.exit_code import CommandFailed, ExitCode

if TYPE_CHECKING:
    from stepwell.store.sqlite.examine import Examined

DESCRIPTION = """\
Look at a database, also one that a server is at work on: every page of it is read, and checked against the rules that
its rows obey. Nothing is changed. The exit code is 1 where something is wrong."""
EXAMPLES = """\
  stepwell doctor
  stepwell doctor --store catalog.db --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_store(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> ExitCode:
    from stepwell.engine.contents import CONTENTS
    from stepwell.store.protocol import StoreError
    from stepwell.store.sqlite.examine import examine

    database = store_path(options, os.environ)
    try:
        found = examine(database, time.time_ns() // 1_000_000, CONTENTS)
    except StoreError as error:
        raise CommandFailed(str(error)) from error
    if options.json:
        print(json.dumps({"store": str(database), **dataclasses.asdict(found)}))
    else:
        print("\n".join(_lines(str(database), found)))
    return ExitCode.FAILED if found.findings else ExitCode.DONE


def _lines(database: str, found: Examined) -> list[str]:
    lines = [
        f"store       {database}",
        f"size        {_size(found.size)}; log {_size(found.log)}",
        f"free        {_size(found.free)}{_room_note(found)}",
        f"schema      {found.schema}" + _schema_note(found),
        f"executions  {_counts(found.executions)}",
        f"waiting     {_counts(found.effects)}",
    ]
    if found.timers_overdue:
        lines.append(f"overdue     {found.timers_overdue} timers by a minute and more: they fire while a server runs")
    if not found.findings:
        return [*lines, "", "All is well."]
    advice = "Stop the server, keep a copy of the file, and restore a backup."
    return [*lines, "", *(f"WRONG: {finding}" for finding in found.findings), advice]


def _room_note(found: Examined) -> str:
    return "" if found.gives_back else "; it stays so until `stepwell compact` gives it back"


def _schema_note(found: Examined) -> str:
    if found.schema == found.newest_schema:
        return ""
    return f"; the next `stepwell serve` brings it to {found.newest_schema}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none"


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
