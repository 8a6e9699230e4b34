"""The logs of a server: kept in its store while it runs, and read through the API of CloudWatch Logs.

Rules that must stay true here:
- What an earlier server has kept is back in memory before the first new line.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stepwell.api.context import ApiContext
from stepwell.api.logs.endpoint import LogsEndpoint
from stepwell.api.logs.history import HistoryLog
from stepwell.api.logs.keeper import Limits, LogKeeper
from stepwell.api.logs.operations import LogOperations
from stepwell.engine.engine import Engine
from stepwell.tasks.lambda_service import LambdaService


@asynccontextmanager
async def kept_logs(engine: Engine, functions: LambdaService, limits: Limits) -> AsyncIterator[None]:
    """Keep the lines of functions, and the events that machines log, as long as the block lasts. Raises StoreError."""
    keeper = LogKeeper(engine.store.logs, limits)
    history = engine.watchers.journal = HistoryLog(engine.store, keeper)
    await keeper.restore(functions.logs)
    functions.logs.keep = keeper.keep_line
    keeper.start()
    try:
        yield
    finally:
        await history.settle()
        functions.logs.keep = None
        await keeper.stop()


def logs_endpoint(context: ApiContext, functions: LambdaService) -> LogsEndpoint:
    """The endpoint of CloudWatch Logs."""
    return LogsEndpoint(LogOperations(context, lambda: [function.name for function in functions.functions]).by_name)
