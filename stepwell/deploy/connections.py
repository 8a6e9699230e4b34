"""Connections of a template: what `http:invoke` authorises itself with.

Rules that must stay true here:
- A secret that the template only refers to is not guessed: the connection is told as not run, with what to say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from stepwell.deploy.description import ConnectionSpec, NotRun
from stepwell.deploy.names import physical_name
from stepwell.deploy.scope import Scope
from stepwell.language.values import Json

CONNECTION: Final = "AWS::Events::Connection"
_MEMBERS: Final = ("AuthorizationType", "AuthParameters", "Description")
_REFERENCE: Final = re.compile(r"{{(resolve:[^}]*)}}")


def read_connection(scope: Scope, logical_id: str, properties: Mapping[str, Json]) -> ConnectionSpec | NotRun:
    """An AWS::Events::Connection. Raises TemplateError."""
    found = scope.members({name: properties[name] for name in _MEMBERS if name in properties}, logical_id)
    if unknown := _REFERENCE.search(json.dumps(found)):
        return NotRun(CONNECTION, logical_id, f"its secret is elsewhere; say --parameter '{unknown[1]}=VALUE'")
    name = physical_name(scope, logical_id)
    return ConnectionSpec(logical_id=logical_id, name=name, members={"Name": name, **found})
