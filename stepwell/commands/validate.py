"""`stepwell validate`: check definitions without a server."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from stepwell.commands.arguments import add_json, read_definition, read_input, read_text
from stepwell.commands.exit_code import CommandFailed, ExitCode

if TYPE_CHECKING:
    from stepwell.language.diagnostics import Diagnostic

DESCRIPTION = "Check definitions, and say everything that is wrong with them: file, place, code, message."
EXAMPLES = """\
  stepwell validate catalog.asl.json
  stepwell validate machines/*.asl.json --json
  stepwell validate --type EXPRESS fast.asl.json
  stepwell validate recovery.asl.json --input @plan.json   with an input that it is meant for
  stepwell validate --app hello:app hello.asl.json       that names functions of an app

The exit code is 1 where a definition has an error, and 0 where there are warnings only.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", metavar="FILE", nargs="+", help="a definition, in JSON or YAML; - is standard input")
    parser.add_argument("--app", metavar="APP", help="MODULE:ATTRIBUTE of the app whose functions are named")
    parser.add_argument("--type", choices=("STANDARD", "EXPRESS"), default="STANDARD", help="(default: STANDARD)")
    parser.add_argument(
        "--input",
        metavar="JSON|@FILE|-",
        help="an input that the definition is meant for: its data flow is checked with it",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> ExitCode:
    from stepwell.language.definition import validate_definition
    from stepwell.language.lint.data_flow import lint_definition

    bind = _binding(options.app)
    texts = [(file, bind(file)) for file in options.files]
    example = None if options.input is None else json.loads(read_input(options.input))
    found: list[tuple[str, Diagnostic]] = []
    for file, text in texts:
        faults = validate_definition(text, machine_type=options.type, severity="WARNING")
        found.extend((file, fault) for fault in faults)
        if not any(fault.severity == "ERROR" for fault in faults):
            found.extend((file, fault) for fault in lint_definition(text, example))
    if options.json:
        print(json.dumps([_members(file, diagnostic) for file, diagnostic in found]))
    else:
        _show(found)
        if not found:
            print("valid" if len(texts) == 1 else f"{len(texts)} definitions are valid", file=sys.stderr)
    return ExitCode.FAILED if any(diagnostic.severity == "ERROR" for _, diagnostic in found) else ExitCode.DONE


def _binding(reference: str | None) -> Callable[[str], str]:
    """From a file to the definition in it, as the app would serve it. Either raises CommandFailed."""
    if reference is None:
        return read_definition
    from stepwell.app import AppError
    from stepwell.assembly import Place, bind_text, load_app
    from stepwell.settings import SettingsError, load_settings

    try:
        settings = load_settings(os.environ, {}, Path.cwd())
        app = load_app(reference, settings)
    except (AppError, SettingsError) as error:
        raise CommandFailed(str(error), ExitCode.WRONG_USE) from error
    place = Place(settings.region, settings.account)
    filled = {machine.path.resolve(): machine.substitutions for machine in app.machines.values()}

    def bound(file: str) -> str:
        try:
            return bind_text(read_text(file), file, app, place, filled.get(Path(file).resolve(), {}))
        except AppError as error:
            raise CommandFailed(str(error), ExitCode.WRONG_USE) from error

    return bound


def _members(file: str, diagnostic: Diagnostic) -> dict[str, str | None]:
    return {
        "file": file,
        "location": diagnostic.location,
        "severity": diagnostic.severity,
        "code": diagnostic.code,
        "message": diagnostic.message,
    }


def _show(found: list[tuple[str, Diagnostic]]) -> None:
    from stepwell.commands.screen import open_screen

    screen = open_screen(sys.stdout)
    for file, diagnostic in found:
        style = "red" if diagnostic.severity == "ERROR" else "yellow"
        screen.line(
            [
                (f"{file}: {diagnostic.location or '/'}: ", "bold"),
                (f"{diagnostic.severity.lower()} {diagnostic.code}", style),
                (f": {diagnostic.message}", ""),
            ]
        )
