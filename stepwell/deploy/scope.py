"""What names in a template stand for: parameters, mappings, conditions, resources, pseudo parameters.

Rules that must stay true here:
- A value is resolved when it is read, never before: what nobody reads cannot be at fault.
- A name that leads nowhere is a fault that says how to give it.
- What depends on itself is a fault, not a loop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from stepwell.api.arns import partition_of
from stepwell.deploy import document, names
from stepwell.deploy.faults import TemplateError
from stepwell.deploy.intrinsics import CONDITION_FUNCTIONS, FUNCTIONS, NO_VALUE, text_of
from stepwell.language.values import Json


class Place(Struct, frozen=True):
    """Where a template's resources are: what its pseudo parameters say."""

    region: str
    account: str
    stack: str

    def pseudo_parameters(self) -> dict[str, Json]:
        """`AWS::NoValue` excepted, which is none."""
        partition = partition_of(self.region)
        return {
            "AWS::AccountId": self.account,
            "AWS::NotificationARNs": [],
            "AWS::Partition": partition,
            "AWS::Region": self.region,
            "AWS::StackId": f"arn:{partition}:cloudformation:{self.region}:{self.account}:stack/{self.stack}/stepwell",
            "AWS::StackName": self.stack,
            "AWS::URLSuffix": "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com",
        }


class Scope(Struct, frozen=True, kw_only=True):
    """`values` are those of parameters by name. `given` is what was said on the command line: imports, dynamic
    references, and what resources are to be in place of what they would be, are looked up there. `folder` is the
    template's; `files` is filled with the files that were read."""

    place: Place
    folder: Path
    values: Mapping[str, Json]
    given: Mapping[str, str]
    mappings: Mapping[str, Json] = field(default_factory=dict)
    conditions: Mapping[str, Json] = field(default_factory=dict)
    resources: Mapping[str, Json] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)

    def resolve(self, value: Json, at: str) -> Json:
        """The value with every function in it carried out; `at` is its place. Raises TemplateError."""
        if isinstance(value, str):
            return self._dynamic(value)
        if isinstance(value, list):
            items = (self.resolve(item, f"{at}[{index}]") for index, item in enumerate(value))
            return [item for item in items if item is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(name, argument)] = value.items()
            function = FUNCTIONS.get(name)
            if function is not None:
                return function(self, argument, at)
            if name.startswith("Fn::") and not name.startswith("Fn::ForEach::"):
                raise TemplateError(at, f"{name} is not known here. Known are {', '.join(sorted(FUNCTIONS))}.")
        if _TRANSFORM in value:
            # What is included is merged with what stands beside it.
            included = self.members({_TRANSFORM: value[_TRANSFORM]}, at)
            value = {**included, **{key: member for key, member in value.items() if key != _TRANSFORM}}
        members = ((key, self.resolve(member, f"{at}.{key}")) for key, member in value.items())
        return {key: member for key, member in members if member is not NO_VALUE}

    def text(self, value: Json, at: str) -> str:
        """A value that is to be a text. Raises TemplateError."""
        return text_of(self.resolve(value, at), at)

    def members(self, value: Json, at: str) -> dict[str, Json]:
        """A value that is to be an object, with its members resolved; none is an empty one. Raises TemplateError."""
        found = self.resolve(value, at)
        if found is None or found is NO_VALUE:
            return {}
        if not isinstance(found, dict):
            raise TemplateError(at, "it must be an object with members.")
        return found

    def reference(self, name: str, at: str) -> Json:
        """What `Ref` gives. Raises TemplateError."""
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self.values:
            return self.values[name]
        if name in self.given:
            return self.given[name]
        if name in self.resources:
            with self._opened(name, at):
                return names.reference(self, name)
        pseudo = self.place.pseudo_parameters()
        if name in pseudo:
            return pseudo[name]
        generated = names.generated_reference(self, name)
        if generated is None:
            raise TemplateError(at, f"there is no parameter and no resource {name!r} in this template.")
        return generated

    def attribute(self, name: str, attribute: str, at: str) -> Json:
        """What `Fn::GetAtt` gives. Raises TemplateError."""
        if f"{name}.{attribute}" in self.given:
            return self.given[f"{name}.{attribute}"]
        if attribute.startswith("Outputs."):
            way_out = f"Say what it is with --parameter {name}.{attribute}=VALUE."
            raise TemplateError(at, f"{name}.{attribute} is known when the stack {name} is deployed. {way_out}")
        if name not in self.resources:
            generated = names.generated_attribute(self, name, attribute)
            if generated is None:
                raise TemplateError(at, f"there is no resource {name!r} in this template.")
            return generated
        with self._opened(name, at):
            return names.attribute(self, name, attribute)

    def condition(self, value: Json, at: str) -> bool:
        """Whether a condition holds: a name, or a function of conditions. Raises TemplateError."""
        if isinstance(value, bool):
            return value
        if isinstance(value, dict) and len(value) == 1:
            [(name, argument)] = value.items()
            function = CONDITION_FUNCTIONS.get(name)
            if function is not None:
                return function(self, argument, at)
            if name == "Condition" and isinstance(argument, str):
                return self.named_condition(argument, at)
        raise TemplateError(
            at, "a condition is Fn::Equals, Fn::And, Fn::Or, Fn::Not, or {Condition: NAME} with a name of Conditions."
        )

    def named_condition(self, name: str, at: str) -> bool:
        """Whether a condition of the template's Conditions holds. Raises TemplateError."""
        if name not in self.conditions:
            raise TemplateError(at, f"there is no condition {name!r} in this template.")
        with self._opened(f"Conditions.{name}", at):
            return self.condition(self.conditions[name], f"Conditions.{name}")

    def imported(self, name: str, at: str) -> Json:
        """The value that another stack exports: here it is given like a parameter. Raises TemplateError."""
        if name not in self.given:
            raise TemplateError(
                at, f"{name!r} is exported by another stack. Say what it is with --parameter '{name}=VALUE'."
            )
        return self.given[name]

    def included(self, location: str, at: str) -> Json:
        """The value of a file that AWS::Include names. Raises TemplateError."""
        if location.startswith("s3://"):
            raise TemplateError(at, f"{location} is not on this machine. Name a local file.")
        path = self.folder / location
        self.files.append(path)
        with self._opened(str(path), at):
            return self.resolve(document.read_document(document.read_text(path, at), str(path), at), at)

    def _dynamic(self, text: str) -> str:
        """A dynamic reference, `{{resolve:ssm:/path}}`, is what was given for it; else it stays as it stands."""
        if "{{resolve:" not in text:
            return text
        for name, value in self.given.items():
            text = text.replace(f"{{{{{name}}}}}", value)
        return text

    @contextmanager
    def _opened(self, name: str, at: str) -> Iterator[None]:
        if name in self._open or len(self._open) > _MAX_OPEN:
            raise TemplateError(at, f"{' → '.join([*self._open[-5:], name])}: this depends on itself.")
        self._open.append(name)
        try:
            yield
        finally:
            self._open.pop()


_MAX_OPEN: Final = 50
_TRANSFORM: Final = "Fn::Transform"
