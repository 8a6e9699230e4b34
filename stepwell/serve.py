"""The server: the rooms of the house put together, run until a signal, and taken apart in order.

Rules that must stay true here:
- Whatever is wrong is found before it matters: settings, app and mocks before the store is opened, all of it before the
  port is listened on.
- What is started is stopped in reverse order, whatever happens between; all of it within the grace period.
- What only some servers use (templates, callers that are asked for, files that are watched) is imported where it is
  used: every start would pay for it.
- A second signal ends the process at once: what was acknowledged is in the store, and handler processes end with it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from starlette.types import ASGIApp

from stepwell import __version__
from stepwell.api.admission.quotas import transitions_in
from stepwell.api.app import create_app
from stepwell.api.arns import STATE_MACHINE, prefix
from stepwell.api.context import ApiContext, open_context
from stepwell.api.functions.later import KeptCalls
from stepwell.api.functions.routes import function_routes
from stepwell.api.in_process import InProcessApi
from stepwell.api.jobs.callbacks import calling_back
from stepwell.api.jobs.routes import job_paths, single_routes
from stepwell.api.logs.endpoint import TARGET as LOGS
from stepwell.api.logs.serving import kept_logs, logs_endpoint
from stepwell.api.notifications import notification_routes
from stepwell.api.scheduler.routes import scheduler_routes
from stepwell.api.server import bind
from stepwell.api.server import serve as serve_http
from stepwell.api.workers import StoreLeases, make_activities, worker_routes
from stepwell.app import Stepwell
from stepwell.assembly import (
    BoundMachine,
    Place,
    bind_machines,
    connect,
    deploy,
    leave_to_workers,
    load_app,
    log_limits,
    make_functions,
    make_jobs,
)
from stepwell.aws_environment import MADE_UP, aws_variables
from stepwell.declarations import bind_notices, bind_schedules, make_sender, redeclare
from stepwell.deploy.served import front_routes, make_resources, notices_of
from stepwell.dispatching import load_mocks, make_data_sets, make_dispatcher
from stepwell.engine.clock import clock_after
from stepwell.engine.dispatch import Dispatcher
from stepwell.engine.engine import Engine, EngineSettings
from stepwell.engine.heard import Heard
from stepwell.engine.map_run.data_set import DataSets
from stepwell.event_loop import settle
from stepwell.jobs.jobs import Jobs
from stepwell.logs import set_up_server_logging
from stepwell.mounts import mounted, routes, started
from stepwell.notify.rules import Rules
from stepwell.notify.running import notifying
from stepwell.schedule.running import scheduling
from stepwell.secrecy import make_vault, marks_by_machine
from stepwell.settings import Settings
from stepwell.store.open import open_store
from stepwell.tasks.lambda_service import LambdaService
from stepwell.tasks.mocked_cases import MockedCases
from stepwell.telemetry.running import tracing

if TYPE_CHECKING:
    from stepwell.auth.opening import Auth

_COUNTED = 1_000  # machines; more are "1000 and more"


class PortTaken(Exception):
    """The port cannot be listened on; the message says what to do."""


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises AppError, AuthError, MockConfigError, StoreError and PortTaken; nothing is left running then.
    """
    tell = set_up_server_logging(settings.log_level)
    bound = _bind(settings.host, settings.port)
    url = _url(settings.host, bound.getsockname()[1])
    # Handlers and routes of the app that use AWS's SDK for Step Functions find this very server, unless told otherwise.
    auth = None if settings.auth.is_empty else _open_auth(settings)
    secret = MADE_UP if auth is None else auth.own_key.secret
    for name, value in aws_variables(url, settings.region, os.environ, secret).items():
        os.environ.setdefault(name, value)
    load = partial(load_app, settings.app, settings) if settings.app else Stepwell
    app = load()
    for notice in notices_of(app):
        tell(f"stepwell: {notice}")
    apps = mounted(app.mounts)
    place = Place(settings.region, settings.account)
    machines, declared = bind_machines(app, place), bind_schedules(app, place)
    rules = Rules(bind_notices(app, place) if settings.app else None)
    api = InProcessApi()
    functions = make_functions(app, settings, url)
    activities = leave_to_workers(functions, app, settings)
    mocks = load_mocks(settings)
    dispatcher, data = make_dispatcher(functions, settings, api, mocks), make_data_sets(settings)
    stop = _Stop(settings.grace, tell)
    stop.listen_for_signals()
    cases = MockedCases(mocks)
    running = _running(settings, app, machines, activities, functions, dispatcher, data, api, cases, rules, stop)
    ours = declared if declared or settings.app else None
    async with (
        running as (context, jobs),
        notifying(context.store, rules, make_sender(settings), context.engine.clock) as post,
        scheduling(context.engine, functions, place.scheduler_prefix, ours, settings.clock != "real") as schedules,
        calling_back(jobs, post, os.environ),
        started(apps),
        _watching(
            load, app, settings, functions, context, partial(redeclare, place=place, schedules=schedules, rules=rules)
        ),
    ):
        of_jobs = single_routes(jobs, app.job_routes, context, auth)
        of_workers = [*worker_routes(functions, context), *scheduler_routes(schedules, context)]
        of_notices = notification_routes(rules, post, context)
        await make_resources(app, context)
        front = front_routes(app, functions, api, settings)
        # Those that are asked most often come first: they are tried one after the other.
        own = [*of_jobs, *function_routes(functions, context), *of_workers, *of_notices, *front, *routes(apps)]
        mounts = {path: path in app.guarded for path in app.mounts} | dict.fromkeys(app.job_routes, False)
        apis = {LOGS: logs_endpoint(context, functions)}
        application = create_app(context, own, auth, mounts, settings.cors_origins, apis, job_paths(jobs, context))
        settle()
        await _listen(application, bound, settings, stop, await _count_machines(context))


def _open_auth(settings: Settings) -> Auth | None:
    from stepwell.auth.opening import open_auth

    return open_auth(settings.auth, os.environ, MADE_UP)


def _watching(
    load: Callable[[], Stepwell],
    app: Stepwell,
    settings: Settings,
    functions: LambdaService,
    context: ApiContext,
    redeclare: Callable[[Stepwell], Awaitable[None]],
) -> AbstractAsyncContextManager[None]:
    """What keeps the app up to date, where the settings ask for it."""
    if not settings.watch:
        return nullcontext()
    from stepwell.watch.reload import watching

    return watching(load, app, settings, functions, context, redeclare)


class _Stop:
    """The end of the server, and how much of the grace period is left when it has come."""

    def __init__(self, grace: float, tell: Callable[[str], None]) -> None:
        self.asked = asyncio.Event()
        self._grace = grace
        self._tell = tell
        self._deadline: float | None = None

    def listen_for_signals(self) -> None:
        """The first SIGTERM or SIGINT asks the server to stop; the second ends the process."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number)

    def left(self) -> float:
        """Seconds."""
        return self._grace if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def _on_signal(self, number: int) -> None:
        if self.asked.is_set():
            os._exit(128 + number)
        self._tell("stepwell: stopping; a second signal stops at once")
        self._deadline = time.monotonic() + self._grace
        self.asked.set()


@asynccontextmanager
async def _running(
    settings: Settings,
    app: Stepwell,
    machines: list[BoundMachine],
    activities: list[str],
    functions: LambdaService,
    dispatcher: Dispatcher,
    data: DataSets,
    api: InProcessApi,
    mocked_cases: MockedCases,
    rules: Rules,
    stop: _Stop,
) -> AsyncIterator[tuple[ApiContext, Jobs]]:
    """The engine on its store, with the app's machines and jobs."""
    store = await open_store(settings.store)
    try:
        limits = EngineSettings(
            express_executions=settings.express_executions,
            retention_days=settings.retention_days,
            idle_executions=settings.cached_executions,
            transitions=transitions_in(settings.aws_quotas),
            sensitive=marks_by_machine(settings),
        )
        await rules.open(store.notices)
        vault = make_vault(settings, os.environ, store)
        clock = await clock_after(store)
        engine = Engine(store, dispatcher, limits, clock, data=data, vault=vault, notices=rules)
        functions.logs.search = engine.secrets.heard
        context = await open_context(
            engine,
            region=settings.region,
            account=settings.account,
            allowed_hosts=frozenset({*settings.allowed_hosts, settings.host.strip("[]")}),
            closing=stop.asked,
            clock=settings.clock,
            now=clock.now,
            mocked_cases=mocked_cases,
            remote=functions.remote,
            limits=settings,
        )
        # Before the start, which dispatches again what was not finished:
        api.bind(context)
        functions.keep = KeptCalls(context)
        await make_activities(activities, context)
        await connect(app, context)
        await deploy(machines, context)
        if functions.remote is not None:
            await functions.remote.open(StoreLeases(store, context.now))
        jobs = make_jobs(app, context)
        functions.on_progress = partial(_report, jobs, engine.secrets.heard)
        async with kept_logs(engine, functions, log_limits(settings)), tracing(engine, os.environ):
            await jobs.start()
            await engine.start()
            jobs.serve()
            try:
                yield context, jobs
            finally:
                if functions.remote is not None:
                    functions.remote.stop()
                await jobs.stop()
                await engine.stop(stop.left())
    finally:
        await store.close()


def _report(jobs: Jobs, heard: Heard, execution_arn: str | None, fraction: float, message: str | None) -> None:
    """A handler says how far it is; what it says is searched for secrets."""
    jobs.reported(execution_arn, fraction, message and heard.sealed(execution_arn, message))


async def _listen(app: ASGIApp, bound: socket.socket, settings: Settings, stop: _Stop, machines: str) -> None:
    def listening(_: str, port: int) -> None:
        url = _url(settings.host, port)
        print(
            f"Stepwell {__version__} listens on {url} (store {settings.store}, state machines: {machines})", flush=True
        )

    patience = settings.client_patience
    try:
        await serve_http(app, bound, stop=stop.asked, grace=settings.grace, patience=patience, listening=listening)
    except OSError as error:
        raise _port_taken(settings.host, settings.port, error) from error


def _bind(host: str, port: int) -> socket.socket:
    """The port, or a free one for 0: taken before anything is opened. Raises PortTaken."""
    try:
        return bind(host.strip("[]"), port)
    except OSError as error:
        raise _port_taken(host, port, error) from error


def _port_taken(host: str, port: int, error: OSError) -> PortTaken:
    return PortTaken(
        f"{_url(host, port)} cannot be listened on: {error.strerror or error}. If another server runs there, stop it"
        " or choose a port with --port."
    )


def _url(host: str, port: int) -> str:
    bare = host.strip("[]")
    bare = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bare, bare)  # noqa: S104  # compared, not bound
    return f"http://[{bare}]:{port}" if ":" in bare else f"http://{bare}:{port}"


async def _count_machines(context: ApiContext) -> str:
    found = await context.store.list_machines(
        prefix(context.region, context.account, STATE_MACHINE), None, _COUNTED + 1
    )
    return str(len(found)) if len(found) <= _COUNTED else f"{_COUNTED} and more"
