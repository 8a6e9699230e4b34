"""AWS's quotas of requests and of state transitions, to rehearse production: token buckets an operation.

The numbers are those of "Step Functions service quotas" in AWS's developer guide: bucket and refill a second, for an
account in a region. AWS has two sets: one for us-east-1, us-west-2 and eu-west-1, a smaller one for all other regions.

Rules that must stay true here:
- Buckets go by the real clock, whatever clock executions are on.
- They are an account's: all clients of a server share them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeAlias

from stepwell.api.faults import throttling

Rate: TypeAlias = tuple[int, int]
"""What a bucket holds, and what flows in each second."""

OFF: Final = "off"
LARGE_REGIONS: Final = frozenset({"us-east-1", "us-west-2", "eu-west-1"})

# By operation: in the large regions, and in all others where that is different.
_RATES: Final[dict[str, tuple[Rate, Rate | None]]] = {
    "CreateActivity": ((100, 1), None),
    "CreateStateMachine": ((100, 1), None),
    "CreateStateMachineAlias": ((100, 1), None),
    "DeleteActivity": ((100, 1), None),
    "DeleteStateMachine": ((100, 1), None),
    "DeleteStateMachineAlias": ((100, 1), None),
    "DeleteStateMachineVersion": ((100, 1), None),
    "DescribeActivity": ((200, 1), None),
    "DescribeExecution": ((300, 15), (250, 10)),
    "DescribeMapRun": ((200, 1), None),
    "DescribeStateMachine": ((200, 20), None),
    "DescribeStateMachineAlias": ((200, 1), None),
    "DescribeStateMachineForExecution": ((200, 1), None),
    "GetActivityTask": ((3_000, 500), (1_500, 300)),
    "GetExecutionHistory": ((400, 20), None),
    "ListActivities": ((100, 10), (100, 5)),
    "ListExecutions": ((200, 5), (100, 2)),
    "ListMapRuns": ((100, 1), None),
    "ListStateMachineAliases": ((100, 1), None),
    "ListStateMachineVersions": ((100, 1), None),
    "ListStateMachines": ((100, 5), None),
    "ListTagsForResource": ((100, 1), None),
    "PublishStateMachineVersion": ((100, 1), None),
    "RedriveExecution": ((1_300, 300), (800, 150)),
    "SendTaskFailure": ((3_000, 500), (1_500, 300)),
    "SendTaskHeartbeat": ((3_000, 500), (1_500, 300)),
    "SendTaskSuccess": ((3_000, 500), (1_500, 300)),
    "StopExecution": ((1_000, 200), (500, 25)),
    "TagResource": ((200, 1), None),
    "TestState": ((50, 10), None),
    "UntagResource": ((200, 1), None),
    "UpdateMapRun": ((100, 1), None),
    "UpdateStateMachine": ((100, 1), None),
    "UpdateStateMachineAlias": ((100, 1), None),
    "ValidateStateMachineDefinition": ((100, 1), None),
}
_STARTS: Final[dict[str, tuple[Rate, Rate | None]]] = {  # StartExecution, by the type of the machine
    "STANDARD": ((1_300, 300), (800, 150)),
    "EXPRESS": ((6_000, 6_000), None),
}
_TRANSITIONS: Final[tuple[Rate, Rate]] = ((5_000, 5_000), (800, 800))  # of Standard executions only


class Bucket:
    """Holds up to `size` tokens, and gets `refill` a second. `now` is a clock in seconds that only goes forward."""

    __slots__ = ("_at", "_now", "_refill", "_size", "_tokens")

    def __init__(self, rate: Rate, now: Callable[[], float] = time.monotonic) -> None:
        self._size, self._refill = rate
        self._tokens = float(self._size)
        self._now = now
        self._at = now()

    def take(self) -> bool:
        """Take a token; False where there is none."""
        now = self._now()
        self._tokens = min(self._size, self._tokens + (now - self._at) * self._refill)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Quotas:
    """The buckets of an account in a region."""

    def __init__(self, region: str, refused: Callable[[], None], now: Callable[[], float] = time.monotonic) -> None:
        """`refused` is called for each request that is throttled."""
        large = region in LARGE_REGIONS
        self._refused = refused
        self._requests = {name: Bucket(_rate(rates, large), now) for name, rates in _RATES.items()}
        self._starts = {kind: Bucket(_rate(rates, large), now) for kind, rates in _STARTS.items()}

    def take(self, operation: str) -> None:
        """Count a request. Raises ApiFault: ThrottlingException."""
        self._take(self._requests.get(operation))

    def take_start(self, machine_type: str) -> None:
        """Count a StartExecution for a machine of a type. Raises ApiFault: ThrottlingException."""
        self._take(self._starts.get(machine_type))

    def _take(self, bucket: Bucket | None) -> None:
        if bucket is not None and not bucket.take():
            self._refused()
            raise throttling()


def transitions_in(region: str) -> Rate | None:
    """The bucket of the state transitions of Standard executions in a region; None for `off`."""
    if region == OFF:
        return None
    return _TRANSITIONS[0] if region in LARGE_REGIONS else _TRANSITIONS[1]


def _rate(rates: tuple[Rate, Rate | None], large: bool) -> Rate:
    return rates[0] if large or rates[1] is None else rates[1]
