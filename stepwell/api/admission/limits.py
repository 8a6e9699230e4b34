"""The settings that bound what a server takes in.

Rules that must stay true here:
- What grows with the number of clients, or with the size of what they send, is bounded by one of these.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class Limits(Struct, frozen=True, kw_only=True):
    """docs/overload.md tells how they work together."""

    max_requests: Annotated[
        int,
        Meta(
            title="a whole number, at least 1",
            description="How many requests are worked on at once; more are refused: docs/overload.md.",
            ge=1,
        ),
    ] = 5_000
    max_waiting: Annotated[
        int,
        Meta(
            title="a whole number, at least 1",
            description="How many requests may wait at once: long polls, streams, synchronous executions and calls.",
            ge=1,
        ),
    ] = 10_000
    max_request_megabytes: Annotated[
        float,
        Meta(
            title="a number of megabytes, at least 8",
            description="What the bodies of all requests under way may take in memory together.",
            ge=8,
        ),
    ] = 256.0
    overload_delay: Annotated[
        float,
        Meta(
            title="a number of seconds, more than 0",
            description="How long work may wait for the server before new work is refused.",
            gt=0,
        ),
    ] = 1.0
    cached_executions: Annotated[
        int,
        Meta(
            title="a whole number",
            description="How many executions that merely wait are kept in memory; the others are read again.",
            ge=0,
        ),
    ] = 256
    aws_quotas: Annotated[
        str,
        Meta(
            title="off, or a region's name",
            description="Throttle as AWS does in that region, to rehearse production: docs/overload.md.",
            pattern=r"^(off|[a-z]{2,}(-[a-z0-9]+)+)$",
        ),
    ] = "off"
