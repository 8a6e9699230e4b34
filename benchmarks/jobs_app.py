"""The app of the jobs workload: a handler that takes its time, and notes when it runs twice at once.

Rules that must stay true here:
- A run holds a lock of its job that the kernel lets go of when the process ends, whatever ends it. A run that finds the
  lock held writes it down: two copies of a handler have run at once.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path
from typing import Any

from stepwell import Stepwell

app = Stepwell()


@app.job("wait", retries=0)
async def wait(n: int, seconds: float, context: Any) -> int:
    """Wait, and answer with the number."""
    folder = Path(os.environ["JOBS_FOLDER"])
    lock = os.open(folder / f"{n}.lock", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        (folder / f"{n}.twice").touch()
    try:
        os.write(lock, f"{context.idempotency_key}\n".encode())
        await asyncio.sleep(seconds)
        return n
    finally:
        os.close(lock)
