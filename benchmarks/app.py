"""The app of the workload that polls with a task."""

from __future__ import annotations

from typing import Any

from stepwell import Stepwell

app = Stepwell()


@app.function("check", concurrency=100)
async def check(event: Any, context: Any) -> Any:  # as AWS Lambda calls it
    """Answers at once."""
    return {"checks": event["checks"] + 1}
