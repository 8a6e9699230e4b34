"""The options that several commands share, and what their values mean.

Rules that must stay true here:
- The same option has the same name and meaning wherever it stands.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from stepwell.commands.exit_code import CommandFailed, ExitCode


def add_json(parser: argparse.ArgumentParser) -> None:
    """`--json`: the result for machines."""
    parser.add_argument("--json", action="store_true", help="write the result as JSON, without colours")


def add_endpoint(parser: argparse.ArgumentParser) -> None:
    """`--endpoint-url`: which server is asked."""
    parser.add_argument(
        "--endpoint-url",
        metavar="URL",
        help="the server (default: STEPWELL_ENDPOINT_URL, AWS_ENDPOINT_URL_SFN, else where `stepwell serve` listens)",
    )


def add_input(parser: argparse.ArgumentParser) -> None:
    """`--input`: what the execution is given."""
    parser.add_argument(
        "--input", metavar="JSON|@FILE|-", default="{}", help="the input: JSON, a file, or - for standard input"
    )


def add_virtual(parser: argparse.ArgumentParser) -> None:
    """`--virtual`: a clock that does not wait."""
    parser.add_argument(
        "--virtual",
        action="store_true",
        help="on a virtual clock: waits are over at once, and the history has the dates of real ones",
    )


def add_store(parser: argparse.ArgumentParser) -> None:
    """`--store`: which database is worked on, without a server."""
    parser.add_argument("--store", metavar="PATH", help="the database (default: that of the settings, stepwell.db)")


def store_path(options: argparse.Namespace, environ: Mapping[str, str]) -> Path:
    """The file that `--store` or the settings name. Raises CommandFailed where that is none."""
    from stepwell.settings import SettingsError, load_settings
    from stepwell.store.open import store_file
    from stepwell.store.protocol import StoreError

    try:
        path = store_file(load_settings(environ, {"store": options.store}, Path.cwd()).store)
    except (SettingsError, StoreError) as error:
        raise CommandFailed(str(error), ExitCode.WRONG_USE) from error
    if path is None:
        raise CommandFailed("A store in memory has no file. Name one with --store.", ExitCode.WRONG_USE)
    return path


def read_text(path: str) -> str:
    """The text of a file; `-` is standard input. Raises CommandFailed."""
    try:
        return sys.stdin.read() if path == "-" else Path(path).read_text("utf-8")
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read: {error.strerror}.", ExitCode.WRONG_USE) from error
    except UnicodeDecodeError as error:
        raise CommandFailed(f"{path} is no UTF-8 text.", ExitCode.WRONG_USE) from error


def read_definition(path: str) -> str:
    """The definition in a file as JSON text; `-` is standard input, of JSON. Raises CommandFailed."""
    from stepwell.deploy.definition_file import definition_json
    from stepwell.deploy.faults import TemplateError

    try:
        return definition_json(read_text(path), path)
    except TemplateError as error:
        raise CommandFailed(str(error), ExitCode.WRONG_USE) from error


def read_input(value: str) -> str:
    """The input that `--input` names, as the very text that it is. Raises CommandFailed where it is no JSON."""
    text = read_text(value.removeprefix("@")) if value == "-" or value.startswith("@") else value
    try:
        json.loads(text)
    except ValueError as error:
        raise CommandFailed(f"The input is no JSON: {error}.", ExitCode.WRONG_USE) from error
    return text
