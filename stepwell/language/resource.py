"""The Resource of a Task: what it calls.

Rules that must stay true here:
- Only an ARN is a resource; a bare function name is not.
- Which optimised integrations there are is said in `integrations`, nowhere else.
- An `aws-sdk` resource is checked for its form only: AWS has over nine thousand actions, and the dispatcher knows them.
"""

from __future__ import annotations

import re
from typing import Final, get_args

from stepwell.language.errors import SyntaxFault
from stepwell.language.integrations import INTEGRATIONS, SDK_PATTERNS
from stepwell.language.model import Pattern, Resource

# Region and account may be empty: AWS takes `arn:aws:lambda:::function:name` and fails only when it is called.
_PLACE = r"arn:[A-Za-z0-9-]+:{service}:[A-Za-z0-9-]*:[A-Za-z0-9-]*"
_FUNCTION: Final = re.compile(
    _PLACE.format(service="lambda") + r":function:[A-Za-z0-9-_]+(:(\$LATEST(\.PUBLISHED)?|[A-Za-z0-9-_]+))?"
)
_ACTIVITY: Final = re.compile(_PLACE.format(service="states") + r":activity:[^\s:]{1,80}")
_SERVICE: Final = re.compile(
    _PLACE.format(service="states") + r":(?P<service>(aws-sdk:)?[a-z0-9-]+):(?P<action>[a-z][A-Za-z0-9]*)"
    r"(\.(?P<pattern>[A-Za-z]+(:\d)?))?"
)
_PATTERNS: Final[dict[str, Pattern]] = {pattern: pattern for pattern in get_args(Pattern)}


def parse_resource(arn: str) -> Resource:
    """The resource that an ARN names.

    Takes the ARN of a Lambda function (with or without a version or alias), of an activity, and
    `arn:aws:states:::service:action[.pattern]` with an optimised service or `aws-sdk:service`. Raises SyntaxFault with
    AWS's sentence for everything else.
    """
    if _FUNCTION.fullmatch(arn):
        return Resource(arn, "function")
    if _ACTIVITY.fullmatch(arn):
        return Resource(arn, "activity")
    match = _SERVICE.fullmatch(arn)
    if match is not None:
        service, action = match["service"], match["action"]
        pattern = _PATTERNS.get(match["pattern"] or "")
        if pattern is not None and pattern in _patterns_of(service, action):
            return Resource(arn, "service", service, action, pattern)
    raise SyntaxFault(
        f"The resource provided {arn} is not recognized. The value is not a valid resource ARN, or the resource is not"
        " available in this region."
    )


def _patterns_of(service: str, action: str) -> frozenset[Pattern]:
    if service.startswith("aws-sdk:"):
        return SDK_PATTERNS
    return INTEGRATIONS.get(service, {}).get(action, frozenset())
