"""From what was used to what it costs.

Rules that must stay true here:
- Money is decimal, and nothing is rounded before it is shown.
- What a line costs is its amount times its price, and the total is the sum of the lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from stepwell.cost.prices import DEFAULT_MEMORY, FREE_TIER, PRICES, FreeTier, Prices
from stepwell.cost.usage import Usage

_MB_MILLISECONDS: Final = 1024 * 1000
"""Of a GB-second."""

_NOTHING: Final = FreeTier(0, 0, Decimal(0))


@dataclass(frozen=True, slots=True)
class Line:
    """`used` and `billed` are in `unit`; they differ by the free tier. `price` is for one, in US dollars."""

    name: str
    unit: str
    used: Decimal
    billed: Decimal
    price: Decimal

    @property
    def cost(self) -> Decimal:
        return self.billed * self.price


@dataclass(frozen=True, slots=True)
class Bill:
    lines: tuple[Line, ...]

    @property
    def total(self) -> Decimal:
        return sum((line.cost for line in self.lines), Decimal(0))


def bill(usage: Usage, memory: Mapping[str, int], *, free_tier: bool = False, prices: Prices = PRICES) -> Bill:
    """What a usage costs.

    `memory` is that of the functions that declare it, in MB by name. `free_tier` takes off what is free a month.
    """
    requests = sum(calls.requests for calls in usage.functions.values())
    compute = Decimal(
        sum(calls.milliseconds * memory.get(name, DEFAULT_MEMORY) for name, calls in usage.functions.items())
    )
    free = FREE_TIER if free_tier else _NOTHING
    gb_seconds, express = compute / _MB_MILLISECONDS, Decimal(usage.express_mb_milliseconds) / _MB_MILLISECONDS
    lines = (
        _line("state transitions", "", usage.transitions, prices.transition, free.transitions),
        _line("Express requests", "", usage.express_requests, prices.express_request),
        _line("Express duration", "GB-s", express, prices.express_gb_second),
        _line("Lambda requests", "", requests, prices.lambda_request, free.lambda_requests),
        _line("Lambda duration", "GB-s", gb_seconds, prices.lambda_gb_second, free.lambda_gb_seconds),
    )
    return Bill(tuple(line for line in lines if line.used))


def _line(name: str, unit: str, used: int | Decimal, price: Decimal, free: int | Decimal = 0) -> Line:
    amount = Decimal(used)
    return Line(name, unit, amount, max(Decimal(0), amount - Decimal(free)), price)
