"""The app that pages use."""

from __future__ import annotations

import asyncio
from typing import Any

from stepwell import Stepwell

app = Stepwell()


@app.job("count", retries=0)
async def count(to: int, context: Any) -> int:
    """Count up to a number."""
    for n in range(to):
        context.progress(n / to, f"at {n}")
        await asyncio.sleep(0.1)
    return to


@app.job("sleep", retries=0)
async def sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)


app.job_route("/count", job="count", required=("to",))
