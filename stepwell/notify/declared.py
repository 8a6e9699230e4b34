"""A notification as an app declares it.

Rules that must stay true here:
- Only light modules of the standard library are imported: worker processes import app modules, and these this.
"""

from __future__ import annotations

from dataclasses import dataclass

ENDS = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
STATUSES = ("RUNNING", *ENDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredNotice:
    """Executions of `machine` (a name, an ARN, or `*` for all) that come to a status of `on` are told to one of
    `webhook` (a URL), `topic` (an SNS topic's ARN) and `bus` (an event bus's name or ARN). `secret` names the
    environment variable that webhooks are signed with."""

    machine: str = "*"
    webhook: str | None = None
    topic: str | None = None
    bus: str | None = None
    secret: str | None = None
    on: tuple[str, ...] = ENDS
