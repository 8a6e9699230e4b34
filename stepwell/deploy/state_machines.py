"""AWS::Serverless::StateMachine, AWS::StepFunctions::StateMachine, their versions and aliases, as descriptions.

Rules that must stay true here:
- An alias of a template routes all to the newest version, whichever its RoutingConfiguration names: there is one
  version here for each definition that was served.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from stepwell.deploy.cdk import Assets
from stepwell.deploy.definitions import read_definition
from stepwell.deploy.description import MachineSpec
from stepwell.deploy.faults import TemplateError
from stepwell.deploy.intrinsics import text_of
from stepwell.deploy.names import alias_arn, physical_name
from stepwell.deploy.scope import Scope
from stepwell.language.values import Json

TYPES: Final = ("AWS::Serverless::StateMachine", "AWS::StepFunctions::StateMachine")
VERSION_TYPE: Final = "AWS::StepFunctions::StateMachineVersion"
ALIAS_TYPE: Final = "AWS::StepFunctions::StateMachineAlias"


def read_machine(
    scope: Scope,
    assets: Assets,
    template: Path,
    logical_id: str,
    properties: Mapping[str, Json],
    metadata: Mapping[str, Json],
) -> MachineSpec:
    """`properties` are those of the resource with the Globals merged in, not yet resolved. Raises TemplateError."""
    definition = read_definition(scope, assets, template, logical_id, properties, metadata)
    kind = properties.get("Type", properties.get("StateMachineType"))
    alias = properties.get("AutoPublishAlias")
    role = properties.get("Role", properties.get("RoleArn"))
    return MachineSpec(
        logical_id=logical_id,
        name=physical_name(scope, logical_id),
        type="STANDARD" if kind is None else scope.text(kind, f"{logical_id}.Type"),
        definition=definition.text,
        source=definition.source,
        substitutions=definition.substitutions,
        role_arn=None if role is None else _role(scope.text(role, f"{logical_id}.Role")),
        tags=_tags(scope, properties.get("Tags"), f"{logical_id}.Tags"),
        configuration=_configuration(scope, properties, logical_id),
        publish=alias is not None,
        aliases=() if alias is None else (scope.text(alias, f"{logical_id}.AutoPublishAlias"),),
    )


def alias_of(scope: Scope, logical_id: str) -> tuple[str, str]:
    """The machine's name and the alias's own, of an AWS::StepFunctions::StateMachineAlias. Raises TemplateError."""
    machine, _, alias = alias_arn(scope, logical_id).rpartition(":")
    return machine.rpartition(":")[2], alias


def version_of(scope: Scope, logical_id: str) -> str:
    """The machine's name, of an AWS::StepFunctions::StateMachineVersion. Raises TemplateError."""
    arn = scope.text(scope.reference(logical_id, logical_id), logical_id)
    return arn.split(":")[-2]


def _configuration(scope: Scope, properties: Mapping[str, Json], at: str) -> dict[str, Json]:
    """Logging and tracing, under SAM's names or CloudFormation's, as CreateStateMachine takes them."""
    found: dict[str, Json] = {}
    for name, sam, cloudformation in (
        ("loggingConfiguration", "Logging", "LoggingConfiguration"),
        ("tracingConfiguration", "Tracing", "TracingConfiguration"),
    ):
        members = scope.members(properties.get(sam, properties.get(cloudformation)), f"{at}.{sam}")
        if members:
            found[name] = _member_names(members)
    return found


def _member_names(value: Json) -> Json:
    """A value with the API's names of members, and its truths: `IncludeExecutionData: 'true'` is one."""
    if isinstance(value, dict):
        return {name[:1].lower() + name[1:]: _member_names(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_member_names(item) for item in value]
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _role(text: str) -> str | None:
    return text if text.startswith("arn:") else None


def _tags(scope: Scope, tags: Json, at: str) -> dict[str, str]:
    """SAM's tags are an object, CloudFormation's a list of Key and Value."""
    found = scope.resolve(tags, at)
    if found is None:
        return {}
    if isinstance(found, dict):
        return {key: text_of(value, f"{at}.{key}") for key, value in found.items()}
    if isinstance(found, list) and all(isinstance(tag, dict) and {"Key", "Value"} <= set(tag) for tag in found):
        return {text_of(tag["Key"], at): text_of(tag["Value"], at) for tag in found if isinstance(tag, dict)}
    raise TemplateError(at, "tags are an object, or a list of objects with Key and Value.")


def qualified(machine: MachineSpec, published: bool, aliases: Mapping[str, list[str]]) -> MachineSpec:
    """A machine with the versions and aliases that resources of their own give it."""
    own = tuple(dict.fromkeys([*machine.aliases, *aliases.get(machine.name, ())]))
    return replace(machine, publish=machine.publish or published or bool(own), aliases=own)
