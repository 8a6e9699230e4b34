"""Calls a running server over the AWS API.

Rules that must stay true here:
- The standard library is enough: a command must start faster than a person notices.
- Requests are signed, with the access key of the environment, once the server has asked for it: one that asks nobody
  costs no signature.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from stepwell.commands.exit_code import CommandFailed, ExitCode

if TYPE_CHECKING:
    from stepwell.auth.signer import Signer

# What a signature is made for, by the first part of a path.
_SERVICES = {"2015-03-31": "lambda", "schedules": "scheduler"}

TIMEOUT = 65  # seconds; GetActivityTask, the slowest of AWS's calls, answers within 60


class Refused(CommandFailed):
    """The server refused a call; `error` is AWS's name for the reason."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(f"{error}: {message}" if message else error)
        self.error = error


class Endpoint:
    """One server."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise CommandFailed(f"{url} is no http or https address.", ExitCode.WRONG_USE)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self.url = url
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._signer: Signer | None = None
        self._path = parts.path or "/"
        self._connection = kind(parts.hostname, parts.port, timeout=TIMEOUT)

    def call(self, operation: str, headers: Mapping[str, str] | None = None, /, **members: object) -> dict[str, Any]:
        """The answer of an operation of AWS Step Functions. Members that are None are left out; `headers` are sent
        beside those that every call has.

        Raises Refused, and CommandFailed where no server answers.
        """
        body = json.dumps({name: value for name, value in members.items() if value is not None})
        sent = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AWSStepFunctions.{operation}"}
        return self._ask("POST", self._path, body, {**sent, **(headers or {})})

    def call_events(self, operation: str, **members: object) -> dict[str, Any]:
        """The answer of an operation of Amazon EventBridge; see `call`."""
        body = json.dumps({name: value for name, value in members.items() if value is not None})
        sent = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"AWSEvents.{operation}"}
        return self._ask("POST", self._path, body, sent)

    def get(self, path: str, **query: object) -> dict[str, Any]:
        """The answer of what the server tells beside AWS's API. Members of the query that are None are left out.

        Raises Refused, and CommandFailed where no server answers.
        """
        given = urlencode({name: value for name, value in query.items() if value is not None})
        return self._ask("GET", self._path.rstrip("/") + quote(path) + (f"?{given}" if given else ""))

    def send(self, method: str, path: str, body: object = None, **query: object) -> dict[str, Any]:
        """The answer of what the server offers in the style of REST. Members of the query that are None are left out.

        Raises Refused, and CommandFailed where no server answers.
        """
        given = urlencode({name: value for name, value in query.items() if value is not None})
        text = None if body is None else json.dumps(body)
        target = self._path.rstrip("/") + quote(path) + (f"?{given}" if given else "")
        return self._ask(method, target, text, {"Content-Type": "application/json"})

    def _ask(
        self, method: str, path: str, body: str | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        try:
            return self._ask_once(method, path, body, headers or {})
        except Refused as refused:
            if self._signer is not None or not refused.error.startswith("MissingAuthenticationToken"):
                raise
        self._signer = _signer(self.url)
        return self._ask_once(method, path, body, headers or {})

    def _ask_once(self, method: str, path: str, body: str | None, headers: Mapping[str, str]) -> dict[str, Any]:
        if self._signer is not None:
            service = _SERVICES.get(path.removeprefix(self._path.rstrip("/")).split("/")[1].partition("?")[0], "states")
            if headers.get("X-Amz-Target", "").startswith("AWSEvents."):
                service = "events"
            signer = replace(self._signer, service=service)
            headers = signer.sign(method, self._origin + path, headers, (body or "").encode())
        try:
            self._connection.request(method, path, body, headers)
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, HTTPException) as error:
            self._connection.close()
            raise CommandFailed(
                f"No server answers at {self.url} ({error}). Start one with `stepwell serve`, or name another with"
                " --endpoint-url.",
                ExitCode.UNREACHABLE,
            ) from error
        try:
            answer = json.loads(text or b"{}")
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise CommandFailed(
                f"What answers at {self.url} does not speak the API of AWS Step Functions (HTTP {response.status}).",
                ExitCode.UNREACHABLE,
            )
        if response.status != 200:
            error_type = str(answer.get("__type", f"HTTP {response.status}")).rpartition("#")[2]
            raise Refused(error_type, str(answer.get("message") or answer.get("Message") or answer.get("detail") or ""))
        return answer

    def pages(self, operation: str, member: str, **members: object) -> Iterator[dict[str, Any]]:
        """The entries of a listing, page after page."""
        token = None
        while True:
            answer = self.call(operation, nextToken=token, **members)
            yield from answer[member]
            token = answer.get("nextToken")
            if token is None:
                return


def _signer(url: str) -> Signer:
    from stepwell.auth.signer import signer_of

    found = signer_of(os.environ)
    if found is None:
        raise CommandFailed(
            f"The server at {url} asks who is calling: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to an access key"
            " that it knows.",
            ExitCode.WRONG_USE,
        )
    return found


def endpoint_url(option: str | None) -> str:
    """The address of the server: the option, the variables, else where `stepwell serve` would listen from here."""
    named = option or os.environ.get("STEPWELL_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT_URL_SFN")
    if named:
        return named
    from stepwell.settings import SettingsError, load_settings

    try:
        settings = load_settings(os.environ, {}, Path.cwd())
    except SettingsError as error:
        raise CommandFailed(str(error), ExitCode.WRONG_USE) from error
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104  # compared, not bound
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def machine_arn(endpoint: Endpoint, machine: str) -> str:
    """The ARN of a machine that is given by ARN or by name; `:ALIAS` and `#TestCase` stay behind it."""
    if machine.startswith("arn:"):
        return machine
    end = min((machine.find(mark) for mark in ":#" if mark in machine), default=len(machine))
    name, suffix = machine[:end], machine[end:]
    for found in endpoint.pages("ListStateMachines", "stateMachines", maxResults=1000):
        if found["name"] == name:
            return str(found["stateMachineArn"]) + suffix
    raise CommandFailed(f"There is no state machine {name!r} at {endpoint.url}. `stepwell list` shows those there are.")


def execution_arn(endpoint: Endpoint, execution: str) -> str:
    """The ARN of an execution that is given by ARN or as `MACHINE/NAME`."""
    if execution.startswith("arn:"):
        return execution
    machine, slash, name = execution.partition("/")
    if not slash or not name:
        raise CommandFailed(f"{execution!r} names no execution: give its ARN, or MACHINE/NAME.", ExitCode.WRONG_USE)
    return machine_arn(endpoint, machine).replace(":stateMachine:", ":execution:", 1) + f":{name}"
