"""What every request needs, made once by whoever puts the server together.

Rules that must stay true here:
- A context never changes; what changes lives in the engine and the store.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable

from msgspec import Struct, field

from stepwell.api.admission.gate import Gate
from stepwell.api.admission.limits import Limits
from stepwell.api.admission.load import Load
from stepwell.api.admission.open_executions import OpenExecutions
from stepwell.api.admission.quotas import OFF, Quotas
from stepwell.api.page_tokens import PageTokens
from stepwell.api.request_counts import RequestCounts
from stepwell.engine.clock import ClockName
from stepwell.engine.engine import Engine
from stepwell.store.protocol import Store
from stepwell.tasks.mocked_cases import MockedCases
from stepwell.tasks.remote import RemoteFunctions

DEFAULT_REGION = "us-east-1"
DEFAULT_ACCOUNT = "123456789012"

_REGION = re.compile(r"[a-z]{2,}(-[a-z0-9]+)+")
_ACCOUNT = re.compile(r"[0-9]{12}")


def real_now() -> int:
    """Milliseconds since 1970, by the real clock."""
    return time.time_ns() // 1_000_000


class ApiContext(Struct, frozen=True, kw_only=True):
    """The surroundings of all requests.

    `region` is that of a request whose signature names none; `account` that of every ARN made here. `allowed_hosts`
    are names beyond the loopback ones that the Host header may carry; one that begins with a dot allows all names
    below it. `closing` is set when the server shuts down: long polls then end at once with an empty answer. `clock` is
    the one that executions are started on which ask for none. `mocked_cases` hears of every test case that is asked
    for. `now` is the real clock, in milliseconds since 1970.
    """

    engine: Engine
    page_tokens: PageTokens
    gate: Gate
    """Who is let in."""
    quotas: Quotas | None = None
    """AWS's quotas of requests, where they are kept to."""
    open_executions: OpenExecutions | None = None
    """AWS's quota of executions that are open at once, where it is kept to."""
    region: str = DEFAULT_REGION
    account: str = DEFAULT_ACCOUNT
    allowed_hosts: frozenset[str] = frozenset()
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    clock: ClockName = "real"
    mocked_cases: MockedCases = field(default_factory=MockedCases)
    now: Callable[[], int] = real_now
    remote: RemoteFunctions | None = None
    """The functions that workers run."""
    requests: RequestCounts = field(default_factory=RequestCounts)
    """The requests of the AWS endpoint that were answered."""

    def __post_init__(self) -> None:
        if _REGION.fullmatch(self.region) is None:
            raise ValueError(f"region: {self.region!r} is no region's name, such as {DEFAULT_REGION}")
        if _ACCOUNT.fullmatch(self.account) is None:
            raise ValueError(f"account: {self.account!r} is no account's number, 12 digits")

    @property
    def store(self) -> Store:
        """Where reads go, and the writes of machines, activities and tags."""
        return self.engine.store


async def open_context(
    engine: Engine,
    *,
    region: str = DEFAULT_REGION,
    account: str = DEFAULT_ACCOUNT,
    allowed_hosts: frozenset[str] = frozenset(),
    closing: asyncio.Event | None = None,
    clock: ClockName = "real",
    mocked_cases: MockedCases | None = None,
    now: Callable[[], int] = real_now,
    remote: RemoteFunctions | None = None,
    limits: Limits | None = None,
) -> ApiContext:
    """The context of a server over an engine; reads the key of the page tokens from the engine's store."""
    key = await engine.store.secret("page-tokens")
    limits = limits or Limits()
    load = Load(limits.overload_delay, lambda: engine.committer.waiting, lambda: engine.metrics.committed_turns)
    gate = Gate(limits, load)
    rehearses_nothing = limits.aws_quotas == OFF
    return ApiContext(
        engine=engine,
        page_tokens=PageTokens(key),
        gate=gate,
        quotas=None if rehearses_nothing else Quotas(limits.aws_quotas, gate.count_throttled),
        open_executions=None if rehearses_nothing else OpenExecutions(engine.store.count_running, gate.count_throttled),
        region=region,
        account=account,
        allowed_hosts=allowed_hosts,
        closing=closing or asyncio.Event(),
        clock=clock,
        mocked_cases=mocked_cases or MockedCases(),
        now=now,
        remote=remote,
    )
