"""From a template's file to its description: what there is to run here, and what is not run.

Rules that must stay true here:
- All faults are gathered and told at once, each with its place.
- Every resource of the template is run, used by one that is, or told as not run: none is dropped in silence.
- Nothing is written or started, and nothing is read but the template and the files that it names.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from msgspec.structs import replace

from stepwell.deploy import (
    api_events,
    api_resources,
    connections,
    document,
    foreach,
    functions,
    names,
    open_api,
    parameters,
    schedules,
    state_machines,
)
from stepwell.deploy.cdk import TEMPLATE_SUFFIX, Assets
from stepwell.deploy.description import (
    Archive,
    ConnectionSpec,
    Folder,
    FunctionSpec,
    MachineSpec,
    NotRun,
    RouteSpec,
    ScheduleSpec,
    Target,
    Template,
)
from stepwell.deploy.faults import Faults, TemplateError
from stepwell.deploy.scope import Place, Scope
from stepwell.language.values import Json

Found: TypeAlias = ScheduleSpec | RouteSpec | ConnectionSpec | NotRun

_NOT_IN_A_STACK_NAME = re.compile(r"[^A-Za-z0-9-]+")
_ACTIVITY = "AWS::StepFunctions::Activity"
_GLOBALS = {"function": "Function", "machine": "StateMachine"}
_KNOWN_TRANSFORMS = ("AWS::Serverless-2016-10-31", "AWS::LanguageExtensions", "AWS::Include")


class TemplateFaults(Exception):
    """A template that cannot be served; the message has a line for everything that is wrong with it."""


def read_template(path: Path, *, region: str, account: str, given: Iterable[str] = ()) -> Template:
    """Read a template. `given` are parameters as `NAME=VALUE`. Raises TemplateFaults."""
    faults = Faults()
    found = faults.gather(_read, path, region, account, given, faults)
    if faults.found or found is None:
        raise TemplateFaults("\n".join(f"{path}: {fault}" for fault in faults.found))
    return found


def _read(path: Path, region: str, account: str, given: Iterable[str], faults: Faults) -> Template:
    return _Reading(path, region, account, given, faults).template()


def stack_name(path: Path) -> str:
    """The stack of a template: as CDK named it, or after the template's folder."""
    if path.name.endswith(TEMPLATE_SUFFIX):
        return path.name.removesuffix(TEMPLATE_SUFFIX)
    name = _NOT_IN_A_STACK_NAME.sub("-", path.resolve().parent.name).strip("-")
    return name if name[:1].isalpha() else f"stack-{name}".rstrip("-")


class _Reading:
    """One template on its way to a description."""

    def __init__(self, path: Path, region: str, account: str, given: Iterable[str], faults: Faults) -> None:
        """Raises TemplateError where the whole cannot be read."""
        self._path = path
        self._faults = faults
        self._assets = Assets(path)
        self._notes: list[str] = []
        self._document = _document(path, self._notes)
        declared = _section(self._document, "Parameters")
        texts = parameters.given_parameters(given)
        _check_given(texts, declared, _section(self._document, "Resources"))
        place = Place(region, account, texts.get("AWS::StackName", stack_name(path)))
        self._from_ssm = parameters.read_from_ssm(declared, texts)
        values = parameters.parameter_values(declared, texts, faults)
        values.update({name: value for name, value in texts.items() if name.startswith("AWS::")})
        known = Scope(
            place=place,
            folder=path.parent,
            values=values,
            given=texts,
            mappings=_section(self._document, "Mappings"),
            conditions=_section(self._document, "Conditions"),
            files=[path],
        )
        # Loops are unfolded by what they can know: parameters, mappings, conditions.
        self._scope = replace(known, resources=_resources(self._document, known))

    def template(self) -> Template:
        gather = self._faults.gather
        present = {
            logical_id: _type(resource)
            for logical_id, resource in self._scope.resources.items()
            if gather(self._is_present, logical_id)
        }
        read_functions = [
            spec
            for logical_id, type in present.items()
            if type in functions.TYPES and (spec := gather(self._function, logical_id))
        ]
        read_machines = [
            machine
            for logical_id, type in present.items()
            if type in state_machines.TYPES and (machine := gather(self._machine, logical_id))
        ]
        owners: list[FunctionSpec | MachineSpec] = [*read_functions, *read_machines]
        found: list[Found] = [item for owner in owners for item in gather(self._events, owner) or ()]
        targets = self._targets(read_functions, read_machines)
        for logical_id, type in present.items():
            if type not in (*functions.TYPES, *state_machines.TYPES, *functions.LAYER_TYPES, _ACTIVITY):
                found += gather(self._resource, logical_id, type, targets) or ()
        activities = [logical_id for logical_id, type in present.items() if type == _ACTIVITY]
        return Template(
            path=self._path,
            functions=tuple(read_functions),
            machines=tuple(self._qualified(read_machines, present)),
            activities=tuple(name for id in activities if (name := gather(names.physical_name, self._scope, id))),
            schedules=tuple(item for item in found if isinstance(item, ScheduleSpec)),
            routes=tuple(item for item in found if isinstance(item, RouteSpec)),
            connections=tuple(item for item in found if isinstance(item, ConnectionSpec)),
            not_run=tuple(dict.fromkeys(item for item in found if isinstance(item, NotRun))),
            notes=tuple(dict.fromkeys([*self._notes, *self._told()])),
            files=tuple(dict.fromkeys([*self._scope.files, *_code_places(read_functions)])),
        )

    def _is_present(self, logical_id: str) -> bool:
        condition = self._members(logical_id).get("Condition")
        if condition is None:
            return True
        return self._scope.named_condition(str(condition), f"{logical_id}.Condition")

    def _function(self, logical_id: str) -> FunctionSpec:
        properties = self._properties(logical_id, "Function")
        self._notes += functions.left_out_layers(self._scope, self._assets, properties, logical_id)
        return functions.read_function(self._scope, self._assets, logical_id, properties, self._metadata(logical_id))

    def _machine(self, logical_id: str) -> MachineSpec:
        properties = self._properties(logical_id, "StateMachine")
        metadata = self._metadata(logical_id)
        return state_machines.read_machine(self._scope, self._assets, self._path, logical_id, properties, metadata)

    def _targets(self, found: list[FunctionSpec], machines: list[MachineSpec]) -> dict[str, Target]:
        """What schedules and routes may lead to, by ARN."""
        return {
            **{names.arn(self._scope, spec.logical_id): Target(kind="function", name=spec.name) for spec in found},
            **{names.arn(self._scope, spec.logical_id): Target(kind="machine", name=spec.name) for spec in machines},
        }

    def _events(self, spec: FunctionSpec | MachineSpec) -> list[Found]:
        """SAM's events of a function or a state machine."""
        target = Target(kind="function" if isinstance(spec, FunctionSpec) else "machine", name=spec.name)
        properties = self._properties(spec.logical_id, _GLOBALS[target.kind])
        events = properties.get("Events")
        read: list[Found] = []
        if "FunctionUrlConfig" in properties:
            read.append(NotRun("function URL", spec.logical_id))
        for name, event in events.items() if isinstance(events, dict) else ():
            type = str(event.get("Type")) if isinstance(event, dict) else ""
            members = _object(event.get("Properties")) if isinstance(event, dict) else {}
            if type in schedules.EVENTS:
                read.append(schedules.read_event(self._scope, spec.logical_id, name, type, members, target))
            elif type in api_events.TYPES:
                read.append(api_events.read_event(self._scope, spec.logical_id, name, type, members, target))
            else:
                read.append(NotRun(f"{type} event", f"{spec.logical_id}.{name}"))
        return read

    def _resource(self, logical_id: str, type: str, targets: Mapping[str, Target]) -> Sequence[Found]:
        """Any other resource of the template: read, or told as not run."""
        properties = self._properties(logical_id)
        if type == schedules.SCHEDULE:
            return [schedules.read_schedule(self._scope, logical_id, properties, targets)]
        if type == schedules.RULE:
            return schedules.read_rule(self._scope, logical_id, properties, targets)
        if type == connections.CONNECTION:
            return [connections.read_connection(self._scope, logical_id, properties)]
        if type in open_api.TYPES:
            kind = open_api.TYPES[type]
            return open_api.read_api(self._scope, logical_id, kind, self._properties(logical_id, kind), targets)
        if type == api_resources.METHOD:
            route = api_resources.read_method(self._scope, logical_id, properties, targets)
            return [] if route is None else [route]
        if type == api_resources.ROUTE:
            return [api_resources.read_route(self._scope, logical_id, properties, targets)]
        if type in (state_machines.VERSION_TYPE, state_machines.ALIAS_TYPE, *api_resources.USED):
            return []
        return [NotRun(type, logical_id)]

    def _qualified(self, machines: list[MachineSpec], types: Mapping[str, str]) -> list[MachineSpec]:
        """The machines with the versions and aliases that resources of their own give them."""
        gather = self._faults.gather
        versions = [id for id, type in types.items() if type == state_machines.VERSION_TYPE]
        published = {gather(state_machines.version_of, self._scope, id) for id in versions}
        aliases: dict[str, list[str]] = {}
        for id in (id for id, type in types.items() if type == state_machines.ALIAS_TYPE):
            machine, alias = gather(state_machines.alias_of, self._scope, id) or ("", "")
            aliases.setdefault(machine, []).append(alias)
        return [state_machines.qualified(machine, machine.name in published, aliases) for machine in machines]

    def _told(self) -> list[str]:
        """What a user should know of parameters, macros and the assembly."""
        told = [
            f"the parameter {name} is read from AWS's parameter store; here it is {self._scope.values[name]!r}."
            f" Say --parameter {name}=VALUE for another value"
            for name in self._from_ssm
            if name != "BootstrapVersion"
        ]
        text = json.dumps(self._document, default=str)
        told += [
            f"the parameter {name} was given, and nothing in the template is called so"
            for name in self._scope.given
            if not name.startswith("AWS::") and json.dumps(name)[1:-1] not in text
        ]
        transforms = self._document.get("Transform", [])
        for transform in transforms if isinstance(transforms, list) else [transforms]:
            name = transform.get("Name") if isinstance(transform, dict) else transform
            if name not in _KNOWN_TRANSFORMS:
                told.append(f"the macro {name} runs in AWS only, and is left out")
        return told

    def _properties(self, logical_id: str, kind_of_globals: str | None = None) -> dict[str, Json]:
        properties = self._members(logical_id).get("Properties")
        if properties is None:
            properties = {}
        if not isinstance(properties, dict):
            raise TemplateError(logical_id, "its Properties must be an object.")
        if kind_of_globals is None or not self._type(logical_id).startswith("AWS::Serverless::"):
            return properties
        return functions.merged(_section(_section(self._document, "Globals"), kind_of_globals), properties)

    def _metadata(self, logical_id: str) -> dict[str, Json]:
        metadata = self._members(logical_id).get("Metadata")
        return metadata if isinstance(metadata, dict) else {}

    def _members(self, logical_id: str) -> dict[str, Json]:
        resource = self._scope.resources[logical_id]
        if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
            raise TemplateError(logical_id, "a resource is an object with a Type.")
        return resource

    def _type(self, logical_id: str) -> str:
        return _type(self._scope.resources[logical_id])


def _type(resource: Json) -> str:
    return str(resource.get("Type")) if isinstance(resource, dict) else ""


def _document(path: Path, twice: list[str]) -> dict[str, Json]:
    found = document.read_document(document.read_text(path), path.name, twice=twice)
    if not isinstance(found, dict) or not isinstance(found.get("Resources"), dict):
        raise TemplateError("", "it is no template: it must be an object with Resources.")
    return found


def _section(members: Mapping[str, Json], name: str) -> dict[str, Json]:
    section = members.get(name)
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise TemplateError(name, "it must be an object.")
    return section


def _resources(found: Mapping[str, Json], scope: Scope) -> dict[str, Json]:
    """The resources, with included ones read in and loops unfolded."""
    resources = _section(found, "Resources")
    if "Fn::Transform" in resources:
        included = scope.resolve({"Fn::Transform": resources["Fn::Transform"]}, "Resources")
        resources = {**{key: value for key, value in resources.items() if key != "Fn::Transform"}, **_object(included)}
    unfolded = foreach.unfold(resources, scope.resolve)
    assert isinstance(unfolded, dict)
    return unfolded


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _check_given(given: Mapping[str, str], declared: Mapping[str, Json], resources: Mapping[str, Json]) -> None:
    """A name that resembles a parameter's is a slip of the pen; any other may be an import's, or a resource's."""
    for name in given:
        known = name in declared or name.partition(".")[0] in resources
        if not known and (near := difflib.get_close_matches(name, declared, 1, 0.7)):
            raise TemplateError("Parameters", f"there is no parameter {name!r}. Did you mean {near[0]!r}?")


def _code_places(found: Iterable[FunctionSpec]) -> list[Path]:
    """The folders and archives that functions run from, layers included."""
    return [place.path for spec in found for place in (spec.code, *spec.layers) if isinstance(place, Folder | Archive)]
