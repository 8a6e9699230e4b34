"""What Step Functions itself checks about a task's arguments, before it calls the service.

Rules that must stay true here:
- Only what AWS refuses before the call is refused here; all else is for the service to judge (recorded: a missing
  MessageBody goes to Amazon SQS and comes back as its own error).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from stepwell.language.model import Resource
from stepwell.language.values import Json

# Members that map a name to a list of values (AWS documentation, "Call API Gateway REST APIs with Step Functions").
_LISTS_BY_NAME: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"apigateway:invoke": ("Headers", "QueryParameters")}
)


def argument_faults(resource: Resource, arguments: Json) -> list[str]:
    """AWS's sentences on what is wrong with the arguments; empty where the service may be called."""
    members = _LISTS_BY_NAME.get(f"{resource.service}:{resource.action}")
    if members is None or not isinstance(arguments, dict):
        return []
    return [
        f"The value of the field '{name}' has an invalid format"
        for name in members
        if arguments.get(name) is not None and not _is_lists_by_name(arguments[name])
    ]


def _is_lists_by_name(value: Json) -> bool:
    return isinstance(value, dict) and all(isinstance(item, list) for item in value.values())
