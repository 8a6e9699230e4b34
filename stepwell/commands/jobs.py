"""`stepwell jobs`: start jobs, look at them, wait for them, cancel them.

Rules that must stay true here:
- It speaks the jobs API as any client does.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from stepwell.commands.arguments import add_endpoint, add_input, add_json, read_input
from stepwell.commands.endpoint import TIMEOUT, endpoint_url
from stepwell.commands.exit_code import CommandFailed, ExitCode
from stepwell.commands.screen import moment, open_screen, table

DESCRIPTION = "Start jobs of a running server, list and show them, wait for one, cancel one."
EXAMPLES = """\
  stepwell jobs start trends --input '{"industry": "shoes", "keywords": ["sole"]}'
  stepwell jobs wait "$(stepwell jobs start trends --input @trends.json)"
  stepwell jobs list --type trends --status FAILED
  stepwell jobs show JOB_ID --json
  stepwell jobs cancel JOB_ID

STEPWELL_TOKEN is the bearer token, where the server asks for one.
exit codes of wait: 0 COMPLETED, 1 FAILED, 4 CANCELLED, 5 no server answers, 6 it has not ended after --timeout
"""

_AT_ONCE = 20  # seconds that one question may take
_EXIT_CODES = {"COMPLETED": ExitCode.DONE, "FAILED": ExitCode.FAILED, "CANCELLED": ExitCode.ABORTED}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)

    listing = actions.add_parser("list", help="list jobs, the newest first")
    listing.add_argument("--type", help="only of this type")
    listing.add_argument("--status", help="only PENDING, PROCESSING, COMPLETED, FAILED or CANCELLED ones")
    listing.add_argument("--key", help="only with this key")
    listing.add_argument("--limit", type=int, default=100, help="how many are listed at most (default: 100)")

    start = actions.add_parser("start", help="start a job, and print its id")
    start.add_argument("type", metavar="TYPE", help="the job type")
    add_input(start)
    start.add_argument("--idempotency-key", metavar="KEY", help="the same key and input start one job")

    show = actions.add_parser("show", help="show a job")
    wait = actions.add_parser("wait", help="wait until a job has ended, and print what it has put out")
    wait.add_argument("--timeout", metavar="SECONDS", type=float, help="how long to wait (default: for ever)")
    cancel = actions.add_parser("cancel", help="cancel a job")
    for action in (show, wait, cancel):
        action.add_argument("job", metavar="JOB_ID")
    for action in (listing, start, show, wait, cancel):
        add_json(action)
        add_endpoint(action)


def run(options: argparse.Namespace) -> ExitCode:
    server = _Server(endpoint_url(options.endpoint_url))
    match options.action:
        case "list":
            return _list(server, options)
        case "start":
            headers = {"Idempotency-Key": options.idempotency_key} if options.idempotency_key else {}
            job = server.ask("POST", f"/jobs/{quote(options.type)}", read_input(options.input), headers)
            print(json.dumps(job) if options.json else job["job_id"])
            return ExitCode.DONE
        case "wait":
            return _wait(server, options)
        case action:
            method = "DELETE" if action == "cancel" else "GET"
            job = server.ask(method, f"/jobs/{quote(options.job)}")
            print(json.dumps(job, indent=None if options.json else 2, ensure_ascii=False))
            return ExitCode.DONE


def _list(server: _Server, options: argparse.Namespace) -> ExitCode:
    jobs: list[dict[str, Any]] = []
    query = {"type": options.type, "status": options.status, "key": options.key, "next": None}
    while len(jobs) < options.limit:
        asked = {**query, "limit": min(options.limit - len(jobs), 100)}
        page = server.ask("GET", f"/jobs?{urlencode({name: value for name, value in asked.items() if value})}")
        jobs += page["jobs"]
        query["next"] = page["next"]
        if page["next"] is None:
            break
    if options.json:
        print(json.dumps(jobs))
    elif jobs:
        rows = [
            (job["job_id"], job["job_type"], job["status"], moment(job["created_at"]), _remark(job)) for job in jobs
        ]
        table(open_screen(sys.stdout), ("job", "type", "status", "created", ""), rows)
    return ExitCode.DONE


def _remark(job: dict[str, Any]) -> str:
    if "error_message" in job:
        return str(job["error_message"])
    progress = job.get("progress")
    return f"{progress['fraction']:.0%} {progress.get('message', '')}".rstrip() if progress else ""


def _wait(server: _Server, options: argparse.Namespace) -> ExitCode:
    end = float("inf") if options.timeout is None else time.monotonic() + options.timeout
    while True:
        left = end - time.monotonic()
        wait = f"wait={max(0, min(_AT_ONCE, left)):.0f}"
        job = server.ask("GET", f"/jobs/{quote(options.job)}", headers={"Prefer": wait})
        if job["status"] in _EXIT_CODES:
            break
        if left <= 0:
            message = f"The job is {job['status']} after {options.timeout:g} s."
            raise CommandFailed(message, ExitCode.STILL_RUNNING)
    if options.json:
        print(json.dumps(job))
    elif job["status"] == "COMPLETED":
        print(json.dumps(job.get("outputs"), ensure_ascii=False))
    else:
        print(f"{job['status']}  {job['error_message']}", file=sys.stderr)
    return _EXIT_CODES[job["status"]]


class _Server:
    """The jobs API of one server."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise CommandFailed(f"{url} is no http or https address.", ExitCode.WRONG_USE)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._url = url
        self._connection = kind(parts.hostname, parts.port, timeout=TIMEOUT)
        token = os.environ.get("STEPWELL_TOKEN")
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})

    def ask(
        self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Raises CommandFailed with what the server says is wrong, or where none answers."""
        try:
            self._connection.request(method, path, body, self._headers | (headers or {}))
            response = self._connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, HTTPException) as error:
            message = f"No server answers at {self._url} ({error}). Start one with `stepwell serve APP`."
            raise CommandFailed(message, ExitCode.UNREACHABLE) from error
        except ValueError as error:
            raise CommandFailed(f"What answers at {self._url} has no jobs.", ExitCode.UNREACHABLE) from error
        if response.status >= 400:
            detail = answer.get("detail") or answer.get("message") or f"HTTP {response.status}"
            raise CommandFailed(f"{detail}")
        found: dict[str, Any] = answer
        return found
