"""The app that the tests of the jobs API serve."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stepwell import Stepwell

app = Stepwell()


@dataclass
class Order:
    """What is ordered."""

    article: str
    count: int = 1
    notes: list[str] = field(default_factory=list)


@dataclass
class Receipt:
    number: int


@app.job("trends", retries=0)
async def trends(industry: str, keywords: list[str], limit: int = 10) -> dict[str, Any]:
    """Find trends. They come from dated documents."""
    return {"industry": industry, "keywords": keywords[:limit]}


@app.job("order", retries=0)
async def order(asked: Order, context: Any) -> Receipt:
    return Receipt(asked.count)


@app.job("single", retries=0, concurrency=1)
async def single(n: int) -> int:
    return n


@app.job("shared", retries=0, concurrency=3, per_key=1, key="customer")
async def shared(customer: str, n: int) -> int:
    return n


@app.job("brief", retries=0, ttl="1s")
async def brief() -> None:
    return None


app.job_route("/trends", job="trends", required=("industry", "keywords"))
