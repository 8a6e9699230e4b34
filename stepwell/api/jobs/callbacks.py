"""Callbacks: the end of a job, told to the address that its client gave.

Rules that must stay true here:
- A callback stands with its job until a delivery of it is kept: a crash between the two makes it once more, with the
  same id (`webhook-id`, the job's), by which a receiver knows it.
- What is delivered is what `GET /jobs/{id}` answers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import orjson

from stepwell.api.jobs.render import job_body
from stepwell.jobs.jobs import Jobs
from stepwell.notify.post import Post
from stepwell.store.protocol import StoreError

logger = logging.getLogger("stepwell.jobs")

SECRET: Final = "STEPWELL_CALLBACK_SECRET"  # noqa: S105  # the variable's name
"""The variable that holds the secret which callbacks are signed with; without it they are not signed."""

_PAGE: Final = 50
_TOGETHER: Final = 0.1  # seconds: what ends meanwhile is looked for at once
_PAUSE: Final = 1.0  # seconds before another try where the store has failed


@asynccontextmanager
async def calling_back(jobs: Jobs, post: Post, environ: Mapping[str, str]) -> AsyncIterator[None]:
    """Tell the ends of jobs while the block lasts, those that an earlier process has left first."""
    secret = SECRET if environ.get(SECRET) else None
    task = asyncio.get_running_loop().create_task(_run(jobs, post, secret))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _run(jobs: Jobs, post: Post, secret: str | None) -> None:
    while True:
        jobs.some_ended.clear()
        try:
            while ids := await jobs.to_be_told(_PAGE):
                for id_ in ids:
                    await _tell(jobs, post, secret, id_)
        except StoreError as error:
            logger.warning("callbacks cannot be handed over, trying again: %s", error)
            await asyncio.sleep(_PAUSE)
            continue
        await jobs.some_ended.wait()
        await asyncio.sleep(_TOGETHER)


async def _tell(jobs: Jobs, post: Post, secret: str | None, id_: str) -> None:
    row = await jobs.find(id_)
    if row is not None and row.new.callback is not None:
        job = jobs.types.get(row.new.type)
        body = job_body(row, shown=job.shown if job else ())
        await post.deliver(row.new.callback, orjson.dumps(body).decode(), id_, secret)
        await jobs.was_told(id_)
