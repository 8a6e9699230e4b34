"""`arn:aws:states:::http:invoke`: a call of an HTTPS API, authorised by a connection.

Rules that must stay true here:
- Only what `targets` allows is called; a redirect is an answer, whose error a state machine can catch.
- No secret of the connection gets into a result or an error.
- A token that the API refuses (401, 407) is fetched anew, once.

See AWS Step Functions developer guide, "Call HTTPS APIs in Step Functions workflows".
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from stepwell.engine.dispatch import Failed, Outcome, Succeeded, Task
from stepwell.language.values import dumps, loads
from stepwell.tasks.http.answers import Unreadable, as_result, body_text, status_text
from stepwell.tasks.http.client import BadRequest, HttpAnswer, HttpRequest, NoAnswer, NotInstalled, in_trace, send
from stepwell.tasks.http.connection import Connection, Connections, ConnectionUnusable, OAuth
from stepwell.tasks.http.oauth import Tokens
from stepwell.tasks.http.pace import Pace
from stepwell.tasks.http.parameters import HttpCall, Unusable
from stepwell.tasks.http.redaction import Redaction
from stepwell.tasks.http.targets import NotAllowed, Targets, Unresolved
from stepwell.tasks.http.trace import tell


class HttpInvoke:
    """Carries out `http:invoke`."""

    def __init__(self, connections: Connections, targets: Targets, pace: Pace | None = None) -> None:
        self._connections = connections
        self._targets = targets
        self._tokens = Tokens(targets)
        self._pace = pace

    async def run(self, task: Task) -> AsyncIterator[Outcome]:
        try:
            yield await self._call(task)
        except Unusable as fault:
            reasons = ", ".join(fault.reasons)
            cause = f"The Parameters '{task.input}' could not be used to start the Task: [{reasons}]"
            yield Failed("States.Runtime", cause)
        except (BadRequest, ValueError) as fault:
            cause = f"The Parameters '{task.input}' could not be used to start the Task: [{fault}]"
            yield Failed("States.Runtime", cause)
        except ConnectionUnusable as fault:
            yield Failed(fault.error, str(fault))
        except NotAllowed as fault:
            yield Failed("Stepwell.HostNotAllowed", str(fault))
        except NotInstalled as fault:
            yield Failed("Stepwell.UnsupportedResource", f"{task.resource.arn}: {fault}")
        except (NoAnswer, Unresolved) as fault:
            yield Failed("States.Http.Socket", str(fault))

    async def _call(self, task: Task) -> Outcome:
        call = HttpCall.read(loads(task.input))
        assert call.connection_arn is not None
        connection = await self._connections.find(call.connection_arn)
        region = task.execution_arn.split(":")[3]
        oauth = connection.authorization if isinstance(connection.authorization, OAuth) else None
        token = None if oauth is None else await self._tokens.token(connection, oauth)
        request = call.request(connection, token, region)
        if self._pace is not None:
            await self._pace.turn()
        answer = await self._sent(request, task.trace)
        if oauth is not None and answer.status in (401, 407):
            token = await self._tokens.token(connection, oauth, but=token)
            request = call.request(connection, token, region)
            answer = await self._sent(request, task.trace)
        redacted = _redaction(connection, token)
        if task.watch is not None:
            tell(task.watch, request, call.request(None, None, region), answer, redacted)
        return _outcome(answer, redacted)

    async def _sent(self, request: HttpRequest, trace: str | None) -> HttpAnswer:
        return await send(in_trace(request, trace), await self._targets.find(request.url))


def _redaction(connection: Connection, token: str | None) -> Redaction:
    return Redaction((*connection.secrets, *(() if token is None else (token,))))


def _outcome(answer: HttpAnswer, redacted: Redaction) -> Outcome:
    try:
        if 200 <= answer.status < 300:
            return Succeeded(redacted(dumps(as_result(answer, lower=True))))
        cause = body_text(answer) or status_text(answer)
    except Unreadable as fault:
        if 200 <= answer.status < 300:
            return Failed(fault.error, str(fault))
        cause = status_text(answer)
    return Failed(f"States.Http.StatusCode.{answer.status}", redacted(cause))
