"""A function whose code this server cannot run: it is known by name, and each call says what to do.

Rules that must stay true here:
- The rest of the function (timeout, environment) is kept: a command or a URL that takes its place gets it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OtherRuntime:
    """`runtime` is Lambda's name for it (`java21`), or what the code is packed in (`a container image`). `reason` says
    in a sentence why it does not run here, where the runtime alone does not say it."""

    runtime: str
    reason: str = ""

    def usual_concurrency(self) -> int:
        return 1

    def variables(self, inherited: Mapping[str, str]) -> dict[str, str]:
        return {}

    def configuration(self) -> dict[str, str]:
        """The members that GetFunctionConfiguration has for this kind."""
        return {"PackageType": "Image"}
