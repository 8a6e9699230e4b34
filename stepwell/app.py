"""An app: the functions, state machines and HTTP routes that a server serves together.

Rules that must stay true here:
- An app is declared when its module is imported, and nothing else happens then: no file is read, nothing is opened.
- Worker processes import app modules: only the standard library's light modules are imported here.
- `function` gives back the very handler that it was given, so that a handler is tested by calling it.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from stepwell.jobs.declared import JobDeclarations
from stepwell.notify.declared import ENDS, DeclaredNotice
from stepwell.schedule.declared import (
    DEFAULT_GROUP,
    MAX_AGE,
    MAX_RETRIES,
    CatchUp,
    DeclaredSchedule,
    Overlap,
    input_text,
    moment,
)
from stepwell.tasks.http.declared import ApiKeyHeader as ApiKeyHeader
from stepwell.tasks.http.declared import BasicLogin as BasicLogin
from stepwell.tasks.http.declared import ConnectionDeclarations
from stepwell.tasks.http.declared import OAuthClient as OAuthClient
from stepwell.tasks.http.declared import Secret as Secret
from stepwell.tasks.kinds.command import Command as Command
from stepwell.tasks.kinds.event_calls import EventCalls as EventCalls
from stepwell.tasks.kinds.http_endpoint import HttpEndpoint as HttpEndpoint
from stepwell.tasks.kinds.node_code import NodeCode as NodeCode
from stepwell.tasks.kinds.other_runtime import OtherRuntime as OtherRuntime
from stepwell.tasks.kinds.python_code import PythonCode as PythonCode
from stepwell.tasks.kinds.remote_lambda import RemoteLambda as RemoteLambda

Handler: TypeAlias = Callable[[Any, Any], Any]
"""`handler(event, context)`, as AWS Lambda calls it; sync or async."""

Code: TypeAlias = PythonCode | NodeCode | Command | HttpEndpoint | RemoteLambda | OtherRuntime
"""What a function may be besides a handler of the app."""

AsgiApp: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

_Handler = TypeVar("_Handler", bound=Handler)


class AppError(Exception):
    """An app that cannot be served; the message says what is wrong and what to do about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppFunction:
    """What runs, and the name that definitions call it by. `timeout` is in seconds, `memory` in MB; None takes the
    default."""

    name: str
    code: Handler | Code
    timeout: float | None = None
    concurrency: int | None = None
    memory: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    worker: bool = False
    events: EventCalls = field(default_factory=EventCalls)

    @property
    def handler(self) -> Handler | None:
        """The handler, where the function is one of the app's own callables."""
        return None if isinstance(self.code, Code) else self.code


@dataclass(frozen=True, slots=True, kw_only=True)
class AppMachine:
    """A state machine whose definition stands in a file; `definition` is its text where that is known already.
    `configuration` are further members of CreateStateMachine (`loggingConfiguration`, `tracingConfiguration`)."""

    path: Path
    name: str
    type: str = "STANDARD"
    role_arn: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    substitutions: Mapping[str, str] = field(default_factory=dict)
    definition: str | None = None
    configuration: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppActivity:
    """A handler of an activity's tasks, for workers. `timeout` and `heartbeat` are in seconds."""

    name: str
    handler: Handler
    timeout: float | None = None
    concurrency: int | None = None
    heartbeat: float = 10.0
    environment: Mapping[str, str] = field(default_factory=dict)


class Stepwell(JobDeclarations, ConnectionDeclarations):
    """An app. `stepwell serve module:attribute` serves it.

    app = Stepwell()
    app.machine("catalog.asl.json")

    @app.function("CheckCatalogStatus", timeout=30)
    def check_catalog_status(event, context): ...
    """

    def __init__(self) -> None:
        JobDeclarations.__init__(self)
        ConnectionDeclarations.__init__(self)
        self._functions: dict[str, AppFunction] = {}
        self._activities: dict[str, AppActivity] = {}
        self._machines: dict[str, AppMachine] = {}
        self._mounts: dict[str, AsgiApp | str] = {}
        self._schedules: dict[tuple[str, str], DeclaredSchedule] = {}
        self._notices: list[DeclaredNotice] = []
        self._guarded: set[str] = set()

    @property
    def functions(self) -> Mapping[str, AppFunction]:
        """The functions by name."""
        return self._functions

    @property
    def activities(self) -> Mapping[str, AppActivity]:
        """The handlers of activities by the activities' names."""
        return self._activities

    @property
    def machines(self) -> Mapping[str, AppMachine]:
        """The state machines by name."""
        return self._machines

    @property
    def mounts(self) -> Mapping[str, AsgiApp | str]:
        """The ASGI apps by path; a text is `module:attribute`."""
        return self._mounts

    @property
    def notifications(self) -> Sequence[DeclaredNotice]:
        """Who is told of executions, as it was declared."""
        return tuple(self._notices)

    @property
    def schedules(self) -> Sequence[DeclaredSchedule]:
        """The schedules, as they were declared."""
        return tuple(self._schedules.values())

    @property
    def guarded(self) -> Set[str]:
        """The paths of the mounted apps that want callers with a bearer token only."""
        return self._guarded

    @property
    def files(self) -> Sequence[Path]:
        """The files that it has been read from besides modules and the definitions of its machines."""
        return ()

    def function(
        self,
        name: str,
        *,
        timeout: float | None = None,
        concurrency: int | None = None,
        memory: int | None = None,
        environment: Mapping[str, str] | None = None,
        worker: bool = False,
        events: EventCalls | None = None,
    ) -> Callable[[_Handler], _Handler]:
        """Bind a handler to a function's name: the last part of its ARN, or what a Resource says in its place.

        `timeout` is in seconds, `concurrency` is how many calls run at once (0 refuses all), `memory` is in MB and told
        to the handler, `environment` is added to the handler's environment variables; `events` says what becomes of
        calls that nobody waits for. With `worker` the server leaves its calls to `stepwell worker`, which may run on
        other machines. Raises AppError where the name is taken.
        """
        self._check_free(name)

        def bind(handler: _Handler) -> _Handler:
            self._functions[name] = AppFunction(
                name=name,
                code=handler,
                timeout=timeout,
                concurrency=concurrency,
                memory=memory,
                environment=dict(environment or {}),
                worker=worker,
                events=events or EventCalls(),
            )
            return handler

        return bind

    def activity(
        self,
        name: str,
        *,
        timeout: float | None = None,
        concurrency: int | None = None,
        heartbeat: float = 10.0,
        environment: Mapping[str, str] | None = None,
    ) -> Callable[[_Handler], _Handler]:
        """Bind a handler to an activity: `stepwell worker` carries out its tasks, and tells that they are alive every
        `heartbeat` seconds. The rest is as for `function`. Raises AppError where the name is taken.
        """
        if name in self._activities:
            raise AppError(f"Two handlers are bound to the activity {name!r}. Give one of them another name.")

        def bind(handler: _Handler) -> _Handler:
            self._activities[name] = AppActivity(
                name=name,
                handler=handler,
                timeout=timeout,
                concurrency=concurrency,
                heartbeat=heartbeat,
                environment=dict(environment or {}),
            )
            return handler

        return bind

    def function_from(
        self,
        name: str,
        code: Code,
        *,
        timeout: float | None = None,
        concurrency: int | None = None,
        memory: int | None = None,
        environment: Mapping[str, str] | None = None,
        events: EventCalls | None = None,
    ) -> None:
        """Bind what is no handler of this app to a function's name.

        app.function_from("Resize", NodeCode("index.handler", "resize"), timeout=30)

        `code` is a PythonCode, NodeCode, Command, HttpEndpoint, RemoteLambda or OtherRuntime; relative folders in it
        are relative to the file that calls. The rest is as for `function`. Raises AppError where the name is taken.
        """
        self._check_free(name)
        if isinstance(code, PythonCode | NodeCode | Command):
            code = code.below(_folder_of_caller())
        self._functions[name] = AppFunction(
            name=name,
            code=code,
            timeout=timeout,
            concurrency=concurrency,
            memory=memory,
            environment=dict(environment or {}),
            events=events or EventCalls(),
        )

    def _check_free(self, name: str) -> None:
        if name in self._functions:
            raise AppError(f"Two handlers are bound to the function {name!r}. Give one of them another name.")

    def machine(
        self,
        definition: str | Path,
        *,
        name: str | None = None,
        type: str = "STANDARD",
        role_arn: str | None = None,
        tags: Mapping[str, str] | None = None,
        substitutions: Mapping[str, str] | None = None,
    ) -> None:
        """Serve the state machine whose definition stands in a file.

        A relative path is relative to the file that calls. `name` defaults to the file's name up to its first dot.
        `substitutions` gives texts for `${Name}` in the definition; `${FunctionArn}` for every function of the app,
        `${AWS::Region}`, `${AWS::AccountId}` and `${AWS::Partition}` need none. Raises AppError where the name is
        taken.
        """
        path = _folder_of_caller() / definition
        name = name or path.name.split(".")[0]
        if name in self._machines:
            raise AppError(f"Two definitions are served as the state machine {name!r}. Give one of them `name=`.")
        self._machines[name] = AppMachine(
            path=path,
            name=name,
            type=type,
            role_arn=role_arn,
            tags=dict(tags or {}),
            substitutions=dict(substitutions or {}),
        )

    def schedule(
        self,
        name: str,
        expression: str,
        *,
        machine: str | None = None,
        function: str | None = None,
        target: str | None = None,
        input: Any = None,
        timezone: str = "UTC",
        start: datetime | str | None = None,
        end: datetime | str | None = None,
        window: int | None = None,
        group: str = DEFAULT_GROUP,
        enabled: bool = True,
        description: str | None = None,
        role_arn: str | None = None,
        delete_when_done: bool = False,
        catch_up: CatchUp = "all",
        overlap: Overlap = "allow",
        max_age: int = MAX_AGE,
        max_retries: int = MAX_RETRIES,
    ) -> None:
        """Start a state machine or a function at a time: `rate(5 minutes)`, `cron(0 8 ? * MON-FRI *)`, `at(...)`.

        One of `machine` and `function` (names), and `target` (an ARN) says what. `input` is a JSON value, or its text.
        `window` lets a run begin up to as many minutes late; `catch_up` says what becomes of runs that fell due while
        no server ran, `overlap` whether a run is left out while an earlier one's execution runs; `max_age` (seconds)
        and `max_retries` bound how long a start that fails is tried again. docs/schedules.md tells more. Raises
        AppError where the name is taken, or the input or a date cannot be read.
        """
        if (group, name) in self._schedules:
            raise AppError(f"Two schedules of the group {group!r} are named {name!r}. Give one of them another name.")
        try:
            text, first, last = input_text(input), moment(start), moment(end)
        except (TypeError, ValueError) as error:
            raise AppError(f"schedule {name!r}: {error}.") from error
        self._schedules[group, name] = DeclaredSchedule(
            name=name,
            expression=expression,
            group=group,
            machine=machine,
            function=function,
            target=target,
            input=text,
            timezone=timezone,
            start=first,
            end=last,
            window=window,
            enabled=enabled,
            description=description,
            role_arn=role_arn,
            delete_when_done=delete_when_done,
            catch_up=catch_up,
            overlap=overlap,
            max_age=max_age,
            max_retries=max_retries,
        )

    def notify(
        self,
        machine: str = "*",
        *,
        webhook: str | None = None,
        topic: str | None = None,
        bus: str | None = None,
        secret: str | None = None,
        on: Sequence[str] = ENDS,
    ) -> None:
        """Tell a webhook (a URL), an SNS topic (its ARN) or an event bus (its name or ARN) of executions' status.

        `machine` is a state machine's name, `*` is all; `on` are the statuses that are told. Webhooks are signed with
        the secret in the environment variable that `secret` names. docs/notifications.md tells more.
        """
        self._notices.append(
            DeclaredNotice(machine=machine, webhook=webhook, topic=topic, bus=bus, secret=secret, on=tuple(on))
        )

    def mount(self, path: str, asgi_app: AsgiApp | str, *, auth: Literal["bearer"] | None = None) -> None:
        """Serve an ASGI app below a path, on the server's own port.

        `asgi_app` may be `"module:attribute"`: then it is imported by the server only, never by the processes that run
        handlers. `auth="bearer"` lets the server ask for a bearer token first, where it is set up to ask who calls;
        else the app guards itself. Raises AppError where the path does not begin with `/` or is taken.
        """
        path = path.rstrip("/")
        if path and not path.startswith("/"):
            raise AppError(f"{path!r} is no path to mount an app at: begin it with a slash.")
        if path in self._mounts:
            raise AppError(f"Two apps are mounted at {path or '/'!r}.")
        self._mounts[path] = asgi_app
        if auth is not None:
            self._guarded.add(path)


def _folder_of_caller() -> Path:
    """The folder of the file that calls who calls this."""
    file = sys._getframe(2).f_globals.get("__file__")
    return Path(file).parent if file else Path()
