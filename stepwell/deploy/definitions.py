"""The definition of a state machine: from wherever a template keeps it to JSON text with everything filled in.

Rules that must stay true here:
- `DefinitionSubstitutions` are filled into the text before it is read, as AWS does it: `"Seconds": ${Seconds}` is a
  number.
- The text of a file in JSON is handed on as it stands, less what is filled in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from stepwell.deploy import document
from stepwell.deploy.cdk import Assets
from stepwell.deploy.faults import TemplateError
from stepwell.deploy.intrinsics import text_of
from stepwell.deploy.scope import Scope
from stepwell.language.values import Json

_SUBSTITUTED = re.compile(r"\$\{([A-Za-z0-9_-]+)\}")


class Definition(NamedTuple):
    """`source` is the file that it stands in, `substitutions` what was filled in."""

    text: str
    source: Path
    substitutions: Mapping[str, str]


def read_definition(
    scope: Scope,
    assets: Assets,
    template: Path,
    at: str,
    properties: Mapping[str, Json],
    metadata: Mapping[str, Json],
) -> Definition:
    """The definition that a state machine's properties lead to. Raises TemplateError."""
    values = scope.members(properties.get("DefinitionSubstitutions"), f"{at}.DefinitionSubstitutions")
    texts = {name: text_of(value, f"{at}.DefinitionSubstitutions.{name}") for name, value in values.items()}
    if properties.get("DefinitionString") is not None:
        text = scope.text(properties["DefinitionString"], f"{at}.DefinitionString")
        return Definition(_json(_filled(text, texts), template.name, f"{at}.DefinitionString"), template, texts)
    if properties.get("Definition") is not None:
        found = scope.members(properties["Definition"], f"{at}.Definition")
        return Definition(_filled(json.dumps(found, indent=2, ensure_ascii=False), texts), template, texts)
    name = "DefinitionUri" if "DefinitionUri" in properties else "DefinitionS3Location"
    if properties.get(name) is None:
        raise TemplateError(at, "it has no definition: DefinitionUri, DefinitionString or Definition.")
    path = _path(scope, assets, f"{at}.{name}", scope.resolve(properties[name], f"{at}.{name}"), metadata)
    scope.files.append(path)
    text = document.read_text(path, f"{at}.{name}")
    return Definition(_json(_filled(text, texts), str(path), f"{at}.{name}"), path, texts)


def _path(scope: Scope, assets: Assets, at: str, location: Json, metadata: Mapping[str, Json]) -> Path:
    if isinstance(location, dict):
        bucket, key = location.get("Bucket"), location.get("Key")
        asset = assets.find(str(key), metadata)
        if asset is not None:
            return asset
        raise TemplateError(at, f"s3://{bucket}/{key} is not on this machine. Name a local file in DefinitionUri.")
    if not isinstance(location, str) or location.startswith("s3://"):
        raise TemplateError(at, f"{location} is not on this machine. Name a local file in DefinitionUri.")
    return scope.folder / location


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _SUBSTITUTED.sub(lambda found: values.get(found[1], found[0]), text)


def _json(text: str, source: str, at: str) -> str:
    """A definition in YAML as JSON; what claims to be JSON is left to the definition's own validation."""
    if text.lstrip().startswith("{"):
        return text
    value = document.read_document(text, source, at)
    if not isinstance(value, dict):
        raise TemplateError(at, f"{source} holds no definition: it must be an object with StartAt and States.")
    return json.dumps(value, indent=2, ensure_ascii=False)
