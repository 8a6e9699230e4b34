"""The app of the workloads that have tasks."""

from __future__ import annotations

from typing import Any

from stepwell import Stepwell

app = Stepwell()


@app.function("check", concurrency=100)
async def check(event: Any, context: Any) -> Any:  # as AWS Lambda calls it
    """Answers at once."""
    return {"checks": event["checks"] + 1}


@app.function("noop", concurrency=4)
def noop(event: Any, context: Any) -> Any:
    """Does nothing, in a process of its own."""
    return event


@app.function("noop_async", concurrency=100)
async def noop_async(event: Any, context: Any) -> Any:
    """Does nothing, beside others in one process."""
    return event
