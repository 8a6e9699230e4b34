"""The app that the tests give to a server and to its workers: handlers that tell the journal what they do."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from stepwell import Stepwell
from tests.patience import PATIENCE, come, until
from tests.worker.journal import write

app = Stepwell()
app.machine("works.asl.json")
app.machine("gated.asl.json")
app.machine("acts.asl.json")


@app.function("work", concurrency=3, timeout=2 * PATIENCE, worker=True)
async def work(event: Any, context: Any) -> Any:
    """Ends, beside others, when the test lets it; where it names no gate, at once."""
    write(what="began", key=context.idempotency_key)
    if "gate" in event:
        await come(Path(event["gate"]).exists)
    write(what="ended", key=context.idempotency_key)
    return {"n": event["n"], "worker": os.environ["WORKER"]}


@app.function("gated", concurrency=1, timeout=2 * PATIENCE, worker=True)
def gated(event: Any, context: Any) -> Any:
    """Ends when the test lets it."""
    write(what="began", key=context.idempotency_key)
    print(f"waiting for {Path(event['gate']).name}")
    until(Path(event["gate"]).exists)
    write(what="ended", key=context.idempotency_key)
    return {"worker": os.environ["WORKER"]}


@app.function("refuse", worker=True)
def refuse(event: Any, context: Any) -> None:
    """Raises."""
    raise ValueError(f"no {event['what']}")


@app.job("far")
def far(gate: str, context: Any) -> str:
    """Says how far it is, and ends when the test lets it."""
    context.progress(0.4, "fetching")
    until(Path(gate).exists)
    return os.environ["WORKER"]


@app.activity("act", concurrency=1, heartbeat=0.2)
def act(event: Any, context: Any) -> Any:
    """An activity's task."""
    time.sleep(event["seconds"])
    return {"acted": os.environ["WORKER"]}
