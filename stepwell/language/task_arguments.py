"""What Step Functions itself checks about a task's arguments, before it calls the service.

Rules that must stay true here:
- Only what AWS refuses before the call is refused here; all else is for the service to judge (recorded: a MessageBody
  that is null goes to Amazon SQS and comes back as its own error).
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

# Members that must be there, of the integrations that this program carries out by itself; where another service is
# called, its model says what it requires.
_REQUIRED: Final[Mapping[str, str]] = MappingProxyType(
    {"lambda:invoke": "FunctionName", "states:startExecution": "StateMachineArn"}
)


def argument_faults(resource: Resource, arguments: Json) -> list[str]:
    """AWS's sentences on what is wrong with the arguments; empty where the service may be called."""
    name = f"{resource.service}:{resource.action}"
    given = arguments if isinstance(arguments, dict) else {}
    required = _REQUIRED.get(name)
    missing = []
    if required is not None and required not in given:
        missing = [f"The field '{required}' is required but was missing"]
    malformed = [
        f"The value of the field '{member}' has an invalid format"
        for member in _LISTS_BY_NAME.get(name, ())
        if given.get(member) is not None and not _is_lists_by_name(given[member])
    ]
    return missing + malformed


def _is_lists_by_name(value: Json) -> bool:
    return isinstance(value, dict) and all(isinstance(item, list) for item in value.values())
