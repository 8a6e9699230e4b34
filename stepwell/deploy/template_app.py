"""From the description of a template to an app, which is served as any other.

Rules that must stay true here:
- Everything that is not run as the template says it is told: by `notices` where the app begins, by a fault where it
  cannot begin.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from stepwell.api.gateway.route import GatewayRoute
from stepwell.app import AppError, AppMachine, NodeCode, OtherRuntime, PythonCode, Stepwell
from stepwell.deploy.description import (
    Elsewhere,
    FunctionSpec,
    MachineSpec,
    RouteSpec,
    ScheduleSpec,
    Template,
)
from stepwell.deploy.template import TemplateFaults, read_template
from stepwell.deploy.unpacked import folder_of
from stepwell.settings import Settings


class TemplateApp(Stepwell):
    """The app of a template. `replaced` are the functions that the settings give something else to run.
    Raises AppError where two resources have one name."""

    def __init__(self, template: Template, replaced: Collection[str] = ()) -> None:
        super().__init__()
        self.template = template
        self.routes: list[GatewayRoute] = []
        self._told: list[str] = []
        self._replaced = replaced
        for function in template.functions:
            self._add_function(function)
        for machine in template.machines:
            self._add_machine(machine)
        for schedule in template.schedules:
            self._add_schedule(schedule)
        for route in template.routes:
            self._add_route(route)

    @property
    def files(self) -> Sequence[Path]:
        return (self.template.path, *self.template.files)

    @property
    def notices(self) -> Sequence[str]:
        """What whoever serves the template should know: a line each."""
        name = self.template.path.name
        lines = [*self.template.notes, *self._told]
        if self.template.not_run:
            lines.append("not run here: " + "; ".join(_grouped(self.template)))
        return [f"{name}: {line}" for line in lines]

    def _add_function(self, spec: FunctionSpec) -> None:
        self._told.extend(f"{spec.logical_id}: {note}" for note in spec.notes)
        if isinstance(spec.code, Elsewhere) and spec.name not in self._replaced:
            way_out = f"Say in stepwell.toml what runs in its place: [functions.{spec.name}]"
            self._told.append(f"{spec.logical_id} cannot be called: {spec.code.reason}. {way_out}")
        self.function_from(
            spec.name,
            _code(spec),
            timeout=spec.timeout,
            concurrency=spec.concurrency,
            memory=spec.memory,
            environment=spec.environment,
            events=spec.events,
        )

    def _add_machine(self, spec: MachineSpec) -> None:
        if spec.name in self._machines:
            raise AppError(f"{spec.logical_id}: two state machines are named {spec.name!r}. Give one another name.")
        self._machines[spec.name] = AppMachine(
            path=spec.source,
            name=spec.name,
            type=spec.type,
            role_arn=spec.role_arn,
            tags=spec.tags,
            substitutions=spec.substitutions,
            definition=spec.definition,
            configuration=spec.configuration,
        )

    def _add_schedule(self, spec: ScheduleSpec) -> None:
        is_function = spec.target.kind == "function"
        self.schedule(
            spec.name,
            spec.expression,
            function=spec.target.name if is_function else None,
            machine=None if is_function else spec.target.name,
            input=spec.input,
            timezone=spec.timezone,
            start=spec.start,
            end=spec.end,
            window=spec.window,
            enabled=spec.enabled,
        )

    def _add_route(self, spec: RouteSpec) -> None:
        is_function = spec.target.kind == "function"
        route = GatewayRoute(
            method=spec.method,
            path=spec.path,
            function=spec.target.name if is_function else None,
            machine=None if is_function else spec.target.name,
            payload=spec.payload,
            rest=spec.rest,
            sync=spec.sync,
            api=spec.api,
            stage=spec.stage,
        )
        if any((known.method, known.path) == (route.method, route.path) for known in self.routes):
            self._told.append(f"the route {route.key} of {spec.api} is left out: another API has the same")
        else:
            self.routes.append(route)


def load_template(path: Path, settings: Settings) -> TemplateApp:
    """The app of a template's file. Raises AppError, with all that is wrong."""
    try:
        template = read_template(path, region=settings.region, account=settings.account, given=settings.parameters)
    except TemplateFaults as faults:
        raise AppError(str(faults)) from faults
    try:
        return TemplateApp(template, settings.functions)
    except AppError as fault:
        raise AppError(f"{path}: {fault}") from fault


def _code(spec: FunctionSpec) -> PythonCode | NodeCode | OtherRuntime:
    """What runs. Raises AppError."""
    runtime = spec.runtime or ""
    if isinstance(spec.code, Elsewhere):
        return OtherRuntime(spec.runtime or "a container image", f"{spec.code.reason}.")
    handler = str(spec.handler)
    try:
        folder = folder_of(spec.code, runtime)
        layers = tuple(folder_of(layer, runtime) for layer in spec.layers)
        if runtime.startswith("nodejs"):
            return NodeCode(handler, folder, layers, runtime)
        return PythonCode(handler, folder, layers)
    except (OSError, ValueError) as error:
        raise AppError(f"{spec.logical_id}: {error}.") from error


def _grouped(template: Template) -> list[str]:
    """What is not run, a part for each type."""
    by_type: dict[str, list[str]] = {}
    for item in template.not_run:
        name = f"{item.logical_id} ({item.reason})" if item.reason else item.logical_id
        by_type.setdefault(item.type, []).append(name)
    return [f"{type} {', '.join(names)}" for type, names in sorted(by_type.items())]
