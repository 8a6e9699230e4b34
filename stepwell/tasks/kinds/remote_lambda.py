"""A function of AWS itself, called through boto3.

Rules that must stay true here:
- The region is that of the ARN.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_ARN = re.compile(r"arn:aws[a-z-]*:lambda:(?P<region>[a-z0-9-]+):\d{12}:function:[\w-]+(:(\$LATEST|[\w-]+))?")


@dataclass(frozen=True, slots=True)
class RemoteLambda:
    """`arn` is the function's, with or without a version or alias. Raises ValueError where it is none."""

    arn: str

    def __post_init__(self) -> None:
        if not _ARN.fullmatch(self.arn):
            raise ValueError(f"lambda {self.arn!r}: write it as arn:aws:lambda:REGION:ACCOUNT:function:NAME")

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]

    def usual_concurrency(self) -> int:
        """As many as AWS services are called with at once."""
        return 64

    def variables(self, inherited: Mapping[str, str]) -> dict[str, str]:
        return {}

    def configuration(self) -> dict[str, str]:
        """The members that GetFunctionConfiguration has for this kind."""
        return {"PackageType": "Image"}
