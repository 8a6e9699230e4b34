"""The app that the kill test serves: handlers that tell the journal what they do, and a machine that waits for all."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from pathlib import Path
from typing import Any

from stepwell import Stepwell
from tests.faults.journal import write
from tests.patience import PATIENCE, come

GATE = "KILL_TEST_GATE"
"""The variable that names the file which lets `wait` end."""

app = Stepwell()
app.machine("journey.asl.json", name="Journey")


class Flaky(Exception):
    """An error that is worth a retry."""


def begin(function: str, context: Any, **more: Any) -> str:
    """Tell that a run begins; its name."""
    run = uuid.uuid4().hex
    write(what="began", run=run, key=context.idempotency_key, function=function, **more)
    return run


@app.function("work", concurrency=50)
async def work(event: Any, context: Any) -> Any:
    """Takes a moment, beside many others in one process."""
    run = begin("work", context)
    await asyncio.sleep(0.05)
    write(what="ended", run=run)
    return {"n": event["n"], "run": run}


@app.function("wait", concurrency=50, timeout=2 * PATIENCE)
async def wait(event: Any, context: Any) -> None:
    """Ends once there is a file that the test names."""
    await come(Path(os.environ[GATE]).exists)


@app.function("flaky", concurrency=2)
def flaky(event: Any, context: Any) -> Any:
    """Fails twice, then answers."""
    run = begin("flaky", context)
    write(what="ended", run=run)
    if event["retry"] < 2:
        raise Flaky(f"attempt {event['retry']}")
    return {"n": event["n"], "retry": event["retry"], "run": run}


@app.function("stuck", concurrency=4)
def stuck(event: Any, context: Any) -> None:
    """Never ends by itself."""
    begin("stuck", context)
    time.sleep(3600)


@app.function("ask", concurrency=2)
def ask(event: Any, context: Any) -> None:
    """Hands a task token to somebody outside, by the journal."""
    run = begin("ask", context, token=event["token"], n=event["n"])
    write(what="ended", run=run)
