"""The names of connections.

Rules that must stay true here:
- The ARN of a connection follows from where it is and its name: a definition may name it before it is made.
- A connection is found by its name; the number at the end of an ARN tells one incarnation on AWS from another.
"""

from __future__ import annotations

import re
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from stepwell.api.arns import partition_of

NAME: Final = re.compile(r"[.\-_A-Za-z0-9]{1,64}")

_ARN: Final = re.compile(
    r"(arn:[a-z0-9-]+:events:[a-z0-9-]+:[0-9]{12}:connection/)([.\-_A-Za-z0-9]{1,64})(/[0-9a-f-]+)?"
)


def place_of(region: str, account: str) -> str:
    return f"arn:{partition_of(region)}:events:{region}:{account}:connection/"


def connection_arn(region: str, account: str, name: str) -> str:
    """The ARN of the connection with a name."""
    place = place_of(region, account)
    return f"{place}{name}/{uuid5(NAMESPACE_URL, place + name)}"


def place_and_name(arn: str) -> tuple[str, str] | None:
    """What an ARN consists of; None where it is none of a connection."""
    match = _ARN.fullmatch(arn)
    return None if match is None else (match[1], match[2])
