"""How a map run ends: its results gathered or written, or the error that it fails with.

Rules that must stay true here:
- A run that fails exports what there is, too, where its state has a ResultWriter; its own error stands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from msgspec import Struct
from msgspec.structs import replace

from stepwell.engine.map_run.data_set import DataSets, Unwritable
from stepwell.engine.map_run.order import Order
from stepwell.engine.map_run.progress import Progress
from stepwell.engine.map_run.results import TooLarge, gather, write
from stepwell.store.protocol import Store

_PAGE = 100


class End(Struct, frozen=True, kw_only=True):
    status: str
    progress: Progress
    output: str | None = None
    error: str | None = None
    cause: str | None = None


async def finish(data: DataSets, store: Store, key: int, arn: str, order: Order, progress: Progress) -> End:
    """The end of a run none of whose children runs any more. Raises StoreError."""
    ending = progress.ending
    if ending is not None and ending.status == "ABORTED":
        return End(status="ABORTED", progress=progress)
    try:
        if order.writer is not None and order.writer["exports"]:
            output, written = await write(data, store, key, order.writer, arn)
        elif ending is None:
            output = await gather(data, store, key, order.writer)
            written = progress.items.succeeded
        else:
            output, written = "", 0
    except Unwritable as error:
        if ending is None:
            return End(status="FAILED", progress=progress, error="States.ResultWriterFailed", cause=str(error))
        output, written = "", 0
    except TooLarge:
        cause = (
            f"The state/task '{order.state.name}' returned a result with a size exceeding the maximum number of bytes "
            "service limit."
        )
        return End(status="FAILED", progress=progress, error="States.DataLimitExceeded", cause=cause)
    progress = replace(
        progress,
        items=replace(progress.items, written=written),
        executions=replace(progress.executions, written=min(written, progress.executions.total)),
    )
    if ending is not None:
        return End(status=ending.status, progress=progress, error=ending.error, cause=ending.cause)
    return End(status="SUCCEEDED", progress=progress, output=output)


async def sweep(store: Store, key: int, stop: Callable[[int], Awaitable[object]]) -> None:
    """End the children of a map run that still run. Raises StoreError."""
    after = None
    while page := await store.list_executions(key, "RUNNING", after, _PAGE):
        for result in await asyncio.gather(*(stop(row.new.key) for _, row in page), return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(result, KeyError):
                raise result
        after = page[-1][0]
