"""The shapes of EventBridge Scheduler's API that clients send, as far as this server reads them.

Rules that must stay true here:
- A member has AWS's name and limits. `CatchUp` and `Overlap` are Stepwell's own: AWS's SDKs neither send nor read them.

See the EventBridge Scheduler API reference, "CreateSchedule" and the data types named there.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

Name = Annotated[str, Meta(pattern=r"^[0-9a-zA-Z_.-]+$", min_length=1, max_length=64)]


class FlexibleTimeWindow(Struct, frozen=True):
    Mode: Literal["OFF", "FLEXIBLE"]
    MaximumWindowInMinutes: Annotated[int, Meta(ge=1, le=1440)] | None = None


class RetryPolicy(Struct, frozen=True):
    MaximumEventAgeInSeconds: Annotated[int, Meta(ge=60, le=86_400)] | None = None
    MaximumRetryAttempts: Annotated[int, Meta(ge=0, le=185)] | None = None


class Target(Struct, frozen=True):
    """The members that are read; the target is kept whole, as it was sent."""

    Arn: Annotated[str, Meta(min_length=1, max_length=1600)]
    RoleArn: Annotated[str, Meta(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+$", max_length=1600)]
    Input: Annotated[str, Meta(min_length=1)] | None = None
    RetryPolicy: RetryPolicy | None = None


class Schedule(Struct, frozen=True):
    """What CreateSchedule and UpdateSchedule send. Dates are seconds since 1970."""

    ScheduleExpression: Annotated[str, Meta(min_length=1, max_length=256)]
    Target: Target
    FlexibleTimeWindow: FlexibleTimeWindow
    GroupName: Name = "default"
    ScheduleExpressionTimezone: Annotated[str, Meta(min_length=1, max_length=50)] = "UTC"
    StartDate: float | None = None
    EndDate: float | None = None
    State: Literal["ENABLED", "DISABLED"] = "ENABLED"
    Description: Annotated[str, Meta(max_length=512)] | None = None
    KmsKeyArn: Annotated[str, Meta(max_length=2048)] | None = None
    ActionAfterCompletion: Literal["NONE", "DELETE"] = "NONE"
    ClientToken: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]+$", min_length=1, max_length=64)] | None = None
    CatchUp: Literal["all", "latest", "skip"] = "all"
    Overlap: Literal["allow", "skip"] = "allow"


class WholeTarget(Struct, frozen=True):
    """The target as it was sent."""

    Target: dict[str, Any]


class Tag(Struct, frozen=True):
    Key: Annotated[str, Meta(min_length=1, max_length=128)]
    Value: Annotated[str, Meta(max_length=256)]


class Group(Struct, frozen=True):
    """What CreateScheduleGroup sends."""

    ClientToken: str | None = None
    Tags: Annotated[list[Tag], Meta(max_length=200)] = []


class Tags(Struct, frozen=True):
    """What TagResource sends."""

    Tags: Annotated[list[Tag], Meta(max_length=200)]
