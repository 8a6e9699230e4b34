"""From what an app declares to what a server runs: functions, definitions, state machines in the store.

Rules that must stay true here:
- Everything that can be wrong with an app is found before the store is touched, and all of it is told at once.
- A machine is updated only where its definition or its role differs from what is stored: to serve an app again changes
  nothing, and executions under way keep the definition that they began with.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from stepwell.api.arns import STATE_MACHINE, partition_of, prefix
from stepwell.api.context import ApiContext
from stepwell.api.events.places import connection_arn
from stepwell.api.faults import ApiFault
from stepwell.api.logs.keeper import Limits
from stepwell.api.names import check_name
from stepwell.api.operations.state_machines import create_state_machine, update_state_machine
from stepwell.api.operations.tags import tag_resource
from stepwell.api.request import Request
from stepwell.app import AppError, AppFunction, AppMachine, Stepwell
from stepwell.aws_environment import MADE_UP
from stepwell.definition_binding import bind_definition, fill_in
from stepwell.deploy.definition_file import definition_json
from stepwell.deploy.faults import TemplateError
from stepwell.jobs.checks import job_faults
from stepwell.jobs.definition import definition_of
from stepwell.language.definition import validate_definition
from stepwell.language.values import Json
from stepwell.settings import Settings, is_template
from stepwell.tasks.function import DEFAULT_TIMEOUT, Function, FunctionRegistry
from stepwell.tasks.function_table import with_tables
from stepwell.tasks.kinds.python_callable import PythonCallable
from stepwell.tasks.lambda_service import LambdaService
from stepwell.tasks.remote import ACTIVITY_PREFIX, RemoteFunctions
from stepwell.tasks.remote_calls import AwsLambda

if TYPE_CHECKING:
    from stepwell.jobs.jobs import Jobs

_UNFILLED = re.compile(r"\$\{[A-Za-z0-9_:.]+\}")


class Place(Struct, frozen=True):
    """Where ARNs made here are."""

    region: str
    account: str

    def machine_arn(self, name: str) -> str:
        return prefix(self.region, self.account, STATE_MACHINE) + name

    def function_arn(self, name: str) -> str:
        return f"arn:{partition_of(self.region)}:lambda:{self.region}:{self.account}:function:{name}"

    @property
    def scheduler_prefix(self) -> str:
        return f"arn:{partition_of(self.region)}:scheduler:{self.region}:{self.account}:"

    def connection_arn(self, name: str) -> str:
        return connection_arn(self.region, self.account, name)

    def role_arn(self, name: str) -> str:
        return f"arn:{partition_of(self.region)}:iam::{self.account}:role/{name}"


class BoundMachine(Struct, frozen=True):
    """A machine of an app with its definition as it is run."""

    machine: AppMachine
    definition: str


def load_app(reference: str, settings: Settings | None = None) -> Stepwell:
    """The app that `module:attribute` names, the attribute being `app` when left out, or that of a template's file.

    Modules are looked for in the current folder first. Raises AppError.
    """
    if is_template(reference):
        from stepwell.deploy.template_app import load_template

        return load_template(Path(reference), settings or Settings())
    module_name, _, attribute = reference.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module_name}.".startswith(f"{error.name}."):
            raise AppError(
                f"There is no module {module_name!r} in {here} or among the installed packages. Name the app as"
                " MODULE:ATTRIBUTE, as in apps.catalog:app, and run in the folder that holds it."
            ) from error
        raise AppError(_import_failed(module_name, error)) from error
    except Exception as error:
        raise AppError(_import_failed(module_name, error)) from error
    app = getattr(module, attribute or "app", None)
    if isinstance(app, Stepwell):
        return app
    apps = [name for name, value in vars(module).items() if isinstance(value, Stepwell)]
    hint = f"Did you mean {module_name}:{apps[0]}?" if apps else "It has none: write `app = Stepwell()` there."
    raise AppError(f"{module_name!r} has no Stepwell app named {attribute or 'app'!r}. {hint}")


def _import_failed(module: str, error: Exception) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename]
    place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if len(frames) > 1 else ""
    return f"{module!r} cannot be imported: {type(error).__name__}: {error}{place}"


def function_of(declared: AppFunction) -> Function:
    """A function of an app as it is run. Raises ValueError."""
    code = declared.code
    return Function(
        name=declared.name,
        code=PythonCallable.of(code) if callable(code) else code,
        timeout=DEFAULT_TIMEOUT if declared.timeout is None else declared.timeout,
        concurrency=declared.concurrency,
        memory=declared.memory,
        environment=declared.environment,
        events=declared.events,
    )


def functions_of(app: Stepwell, settings: Settings | None = None) -> list[Function]:
    """The app's functions as they are run, and those of the settings. Raises AppError, with all that is wrong."""
    functions: list[Function] = []
    faults: list[str] = []
    for declared in app.functions.values():
        try:
            functions.append(function_of(declared))
        except ValueError as error:
            faults.append(f"function {declared.name!r}: {error}")
    try:
        if settings is not None:
            functions = with_tables(functions, settings.functions)
    except ValueError as error:
        faults.append(str(error))
    if faults:
        raise AppError("\n".join(faults))
    return functions


def make_functions(app: Stepwell, settings: Settings, url: str | None = None) -> LambdaService:
    """The app's functions, ready to be called; `url` is the server's own, if there is one. Raises AppError."""
    made_up = os.environ.get("AWS_ACCESS_KEY_ID") == MADE_UP
    endpoint = os.environ.get("AWS_ENDPOINT_URL_LAMBDA")
    aws = AwsLambda(endpoint=None if endpoint == url else endpoint, made_up=made_up)
    registry = FunctionRegistry(functions_of(app, settings))
    return LambdaService(registry, region=settings.region, account=settings.account, aws=aws)


def leave_to_workers(functions: LambdaService, app: Stepwell, settings: Settings) -> list[str]:
    """Let workers run the functions that the app and the settings leave to them. The names of the activities that
    workers poll."""
    declared = [function.name for function in app.functions.values() if function.worker]
    names = [*declared, *settings.remote_functions]
    if names:
        functions.remote = RemoteFunctions(names, lease=settings.worker_lease, tail=functions.logs.tail)
    served = [name for name in app.functions if functions.remote is not None and functions.remote.serves(name)]
    return [*(f"{ACTIVITY_PREFIX}{name}" for name in served), *app.activities]


def log_limits(settings: Settings) -> Limits:
    """How long log lines are kept, and how many."""
    return Limits(days=settings.log_days, size=round(settings.log_megabytes * 1_000_000))


def bind_machines(app: Stepwell, place: Place) -> list[BoundMachine]:
    """The app's machines with their definitions read, bound and validated. Raises AppError, with all that is wrong."""
    bound: list[BoundMachine] = []
    faults: list[str] = []
    for machine in app.machines.values():
        try:
            definition = bind_text(_read(machine), machine.path, app, place, machine.substitutions)
        except AppError as error:
            faults.append(str(error))
        else:
            faults.extend(definition_faults(_place(machine), definition, machine.type))
            bound.append(BoundMachine(machine, definition))
    faults.extend(job_faults(app.jobs, app.job_routes, app.machines))
    if faults:
        raise AppError("\n".join(faults))
    return [*bound, *_job_machines(app, place)]


def _place(machine: AppMachine) -> str:
    """Where faults of a definition are: a template has several, in itself or in a file."""
    return str(machine.path) if machine.definition is None else f"{machine.path}: {machine.name}"


def _job_machines(app: Stepwell, place: Place) -> list[BoundMachine]:
    """The machines of the job types that are plain functions."""
    return [
        BoundMachine(
            AppMachine(path=Path(job.machine_name), name=job.machine_name),
            definition_of(job, place.function_arn(job.function_name)),
        )
        for job in app.jobs.values()
        if job.handler is not None
    ]


def make_jobs(app: Stepwell, context: ApiContext) -> Jobs:
    """The app's jobs, on the engine of a server."""
    from stepwell.jobs.jobs import Jobs

    place = Place(context.region, context.account)
    return Jobs(context.engine, app.jobs, place.machine_arn, context.now, virtual=context.clock != "real")


def _read(machine: AppMachine) -> str:
    """The text of a machine's definition. Raises AppError, also for what is wrong with the machine itself."""
    try:
        if machine.type not in ("STANDARD", "EXPRESS"):
            raise AppError(f"state machine {machine.name!r}: type {machine.type!r} is neither STANDARD nor EXPRESS.")
        if not 1 <= len(check_name(machine.name)) <= 80:
            raise AppError(f"state machine {machine.name!r}: a name has 1 to 80 characters.")
        return machine.path.read_text("utf-8") if machine.definition is None else machine.definition
    except ApiFault as fault:
        raise AppError(f"state machine {machine.name!r}: {fault}") from fault
    except OSError as error:
        raise AppError(f"state machine {machine.name!r}: {machine.path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise AppError(f"state machine {machine.name!r}: {machine.path} is no UTF-8 text.") from error


def bind_text(
    text: str, source: str | Path, app: Stepwell | None, place: Place, substitutions: Mapping[str, str]
) -> str:
    """A definition, as a file holds it, filled in and bound to an app's functions. Raises AppError."""
    functions = {name: place.function_arn(name) for name in (app.functions if app else ())}
    known = {
        **{f"{name}Arn": arn for name, arn in functions.items()},
        **{f"{name}ConnectionArn": place.connection_arn(name) for name in (app.connections if app else ())},
        "AWS::Region": place.region,
        "AWS::AccountId": place.account,
        "AWS::Partition": partition_of(place.region),
        **substitutions,
    }
    try:
        return bind_definition(definition_json(fill_in(text, known), source), functions)
    except TemplateError as fault:
        raise AppError(str(fault)) from fault


def definition_faults(source: Path | str, definition: str, type: str) -> list[str]:
    """A line for every error of a definition: where it stands, place, code, message."""
    diagnostics = validate_definition(definition, machine_type="EXPRESS" if type == "EXPRESS" else "STANDARD")
    lines = [f"{source}: {found.location or '/'}: {found.code}: {found.message}" for found in diagnostics]
    if lines and (unfilled := sorted(set(_UNFILLED.findall(definition)))):
        way_out = "Name it in DefinitionSubstitutions of the template, or in `substitutions` of the app's `machine`."
        lines.append(f"{source}: nothing is substituted for {', '.join(unfilled)}. {way_out}")
    return lines


async def connect(app: Stepwell, context: ApiContext) -> None:
    """Make the app's connections. Raises AppError."""
    if not app.connections:
        return
    from stepwell.api.events.declared import ConnectionFault, make_connections

    try:
        await make_connections(app.connections, context, os.environ)
    except ConnectionFault as fault:
        raise AppError(str(fault)) from fault


async def deploy(machines: Iterable[BoundMachine], context: ApiContext) -> None:
    """Create the machines that are missing, and update those that differ, as a client would. Raises AppError."""
    place = Place(context.region, context.account)
    for bound in machines:
        machine = bound.machine
        try:
            await _deploy(machine, bound.definition, place, context)
        except ApiFault as fault:
            raise AppError(f"state machine {machine.name!r}: {fault.shape}: {fault}") from fault


async def _deploy(machine: AppMachine, definition: str, place: Place, context: ApiContext) -> None:
    def request(**members: Json) -> Request:
        return Request(context, context.region, members)

    arn = place.machine_arn(machine.name)
    role = machine.role_arn or place.role_arn(machine.name)
    tags: Json = [{"key": key, "value": value} for key, value in machine.tags.items()]
    stored = await context.store.find_machine(arn)
    if stored is None:
        new = request(
            name=machine.name,
            definition=definition,
            roleArn=role,
            type=machine.type,
            tags=tags,
            **machine.configuration,
        )
        await create_state_machine(new)
        return
    if stored.type != machine.type:
        raise AppError(
            f"state machine {machine.name!r} is {stored.type} in the store, and a type cannot be changed. Delete it"
            " there (aws stepfunctions delete-state-machine), or give the new one another name."
        )
    update = request(stateMachineArn=arn, definition=definition, roleArn=role, **machine.configuration)
    await update_state_machine(update)
    if tags:
        await tag_resource(request(resourceArn=arn, tags=tags))
