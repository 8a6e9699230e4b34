"""AWS's prices. The one place where they stand.

Rules that must stay true here:
- A price is written as AWS's page writes it, with its region and the month in which it was read.

See https://aws.amazon.com/step-functions/pricing/ and https://aws.amazon.com/lambda/pricing/.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars; of what is cheaper from some amount a month on, the first price."""

    region: str
    month: str
    transition: Decimal
    express_request: Decimal
    express_gb_second: Decimal
    lambda_request: Decimal
    lambda_gb_second: Decimal
    """On x86."""


@dataclass(frozen=True, slots=True)
class FreeTier:
    """What costs nothing each month, for an account that uses it for nothing else."""

    transitions: int
    lambda_requests: int
    lambda_gb_seconds: Decimal


PRICES: Final = Prices(
    region="us-east-1",
    month="2026-11",
    transition=Decimal("0.000025"),
    express_request=Decimal("0.000001"),
    express_gb_second=Decimal("0.00001667"),
    lambda_request=Decimal("0.0000002"),
    lambda_gb_second=Decimal("0.0000166667"),
)

FREE_TIER: Final = FreeTier(transitions=4_000, lambda_requests=1_000_000, lambda_gb_seconds=Decimal(400_000))

DEFAULT_MEMORY: Final = 128
"""MB of a function that declares none, as on AWS Lambda."""
