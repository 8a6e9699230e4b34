"""The values of a template's parameters: what was given, else their defaults.

Rules that must stay true here:
- A parameter without a value is a fault that says how to give it, and so is a value that the template does not allow.
- Whatever is given under another name is kept: it may be an import, a dynamic reference, a pseudo parameter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from stepwell.deploy.faults import Faults, TemplateError
from stepwell.deploy.intrinsics import text_of
from stepwell.language.values import Json

_FROM_SSM = "AWS::SSM::Parameter::Value<"


def given_parameters(texts: Iterable[str]) -> dict[str, str]:
    """`NAME=VALUE` texts by name. Raises TemplateError."""
    given: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise TemplateError("", f"--parameter {text!r} is not of the form NAME=VALUE.")
        given[name] = value
    return given


def parameter_values(declared: Mapping[str, Json], given: Mapping[str, str], faults: Faults) -> dict[str, Json]:
    """The values by name; what is wrong with one goes to `faults`, and it is empty."""
    values: dict[str, Json] = {}
    for name, declaration in declared.items():
        if isinstance(declaration, dict):
            value = faults.gather(_value, name, declaration, given)
            values[name] = "" if value is None else value
    return values


def read_from_ssm(declared: Mapping[str, Json], given: Mapping[str, str]) -> list[str]:
    """The parameters whose value stands in AWS's parameter store, and for which none is given."""
    return [
        name
        for name, declaration in declared.items()
        if isinstance(declaration, dict) and str(declaration.get("Type")).startswith(_FROM_SSM) and name not in given
    ]


def _value(name: str, declaration: dict[str, Json], given: Mapping[str, str]) -> Json:
    at = f"Parameters.{name}"
    type = str(declaration.get("Type", "String"))
    default = declaration.get("Default")
    if name in given:
        text = given[name]
    elif default is not None:
        text = text_of(default, at)
    else:
        about = declaration.get("Description")
        reason = f" ({about.strip()})" if isinstance(about, str) and about.strip() else ""
        raise TemplateError(at, f"it has no default{reason}. Give a value: --parameter {name}=VALUE")
    allowed = declaration.get("AllowedValues")
    if isinstance(allowed, list) and allowed:
        choices = [text_of(choice, at) for choice in allowed]
        parts = [part.strip() for part in text.split(",")] if "List" in type else [text]
        if not type.startswith(_FROM_SSM) and not set(parts) <= set(choices):
            told = "the value" if text_of(declaration.get("NoEcho", False), at) == "true" else repr(text)
            raise TemplateError(at, f"{told} is not one of its AllowedValues: {', '.join(choices)}.")
    if type == "Number" and not _is_number(text):
        raise TemplateError(at, f"{text!r} is no number.")
    if type.removeprefix(_FROM_SSM).startswith(("List<", "CommaDelimitedList")):
        return cast("Json", [part.strip() for part in text.split(",")] if text else [])
    return text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
