"""`stepwell worker`: run an app's functions for a server that may be elsewhere."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from stepwell.commands.endpoint import endpoint_url
from stepwell.commands.exit_code import CommandFailed, ExitCode

if TYPE_CHECKING:
    from stepwell.app import Stepwell
    from stepwell.settings import Settings
    from stepwell.worker.worker import Post

DESCRIPTION = """\
Run an app's functions and activities for a server: calls are taken over the activity protocol of AWS Step Functions,
carried out in processes of this machine, and answered. SIGTERM and Ctrl-C let what is under way end within the grace
period; the rest is handed to another worker."""
EXAMPLES = """\
  stepwell worker apps.catalog:app --server http://stepwell.internal:8083
  stepwell worker apps.catalog:app --function CheckCatalogStatus --grace 60
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "app",
        metavar="APP",
        help="MODULE:ATTRIBUTE of an app, the attribute being `app` when left out; or a template's file",
    )
    parser.add_argument(
        "--server",
        metavar="URL",
        help="the server (default: STEPWELL_ENDPOINT_URL, AWS_ENDPOINT_URL_SFN, else where `stepwell serve` listens)",
    )
    parser.add_argument(
        "--function",
        metavar="NAME",
        action="append",
        help="a function or an activity to work for; may be repeated (default: all that the app leaves to workers)",
    )
    parser.add_argument("--name", help="what the server is told of this worker (default: the host and process)")
    parser.add_argument("--region", help="the AWS region in the server's ARNs (default: us-east-1)")
    parser.add_argument("--account", help="the AWS account in the server's ARNs (default: 123456789012)")
    parser.add_argument(
        "--grace", metavar="SECONDS", help="how long running handlers may go on after a stop (default: 10)"
    )


def run(options: argparse.Namespace) -> ExitCode:
    from stepwell import event_loop
    from stepwell.app import AppError
    from stepwell.assembly import load_app
    from stepwell.settings import SettingsError, load_settings
    from stepwell.worker.server import Refused

    given = {name: getattr(options, name) for name in ("region", "account", "grace")}
    try:
        settings = load_settings(os.environ, given, Path.cwd())
        event_loop.run(_work(load_app(options.app), settings, options))
    except (SettingsError, AppError, ValueError) as error:
        raise CommandFailed(str(error), ExitCode.WRONG_USE) from error
    except Refused as refused:
        raise CommandFailed(f"The server refuses this worker: {refused}") from refused
    return ExitCode.DONE


async def _work(app: Stepwell, settings: Settings, options: argparse.Namespace) -> None:
    from stepwell.aws_environment import aws_variables
    from stepwell.tasks.lambda_service import LambdaService
    from stepwell.worker.lines import LineSender
    from stepwell.worker.posts import make_posts
    from stepwell.worker.progress import ProgressSender
    from stepwell.worker.server import Server
    from stepwell.worker.signing import find_signature
    from stepwell.worker.worker import Worker

    url = endpoint_url(options.server)
    # Handlers that use AWS's SDK for Step Functions or Lambda find that very server, unless told otherwise.
    for name, value in aws_variables(url, settings.region, os.environ).items():
        os.environ.setdefault(name, value)
    registry, posts = make_posts(app, settings.region, settings.account, options.function)
    server = Server(url, len(posts) + 16, find_signature(settings.region))
    lines, progress = LineSender(server), ProgressSender(server)
    functions = LambdaService(registry, region=settings.region, account=settings.account, on_log=lines)
    functions.on_progress = progress
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _stop, stop, number)
    name = options.name or f"{socket.gethostname()}:{os.getpid()}"
    print(f"stepwell worker {name} works for {url}: {_listed(posts)}", flush=True)
    try:
        await Worker(server, functions, lines, progress, name).run(posts, stop, settings.grace)
    finally:
        server.close()


def _stop(stop: asyncio.Event, number: int) -> None:
    if stop.is_set():
        os._exit(128 + number)
    print("stepwell: stopping; a second signal stops at once", file=sys.stderr, flush=True)
    stop.set()


def _listed(posts: list[Post]) -> str:
    return ", ".join(f"{post.function} ({post.concurrency} at once)" for post in posts)
