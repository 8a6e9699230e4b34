"""The results of a map run: gathered in the order of the items, or written elsewhere.

Rules that must stay true here:
- Results are read from the children themselves, page by page; they are never all in memory.
- What becomes the state's result is bounded as every state's result is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from stepwell.engine.map_run.data_set import DataSets, Result
from stepwell.language.values import Json, dumps
from stepwell.machine.run import MAX_BYTES
from stepwell.store.protocol import ExecutionRow, Store

_PAGE = 100


class TooLarge(Exception):
    """The results together are larger than a state's result may be."""


async def results_of(store: Store, key: int) -> AsyncGenerator[Sequence[Result], None]:
    """All children of a map run, in the order of their items, page by page: the next is read while one is used."""
    coming = asyncio.ensure_future(store.children(key, 0, _PAGE))
    try:
        while rows := await coming:
            coming = asyncio.ensure_future(store.children(key, rows[-1].new.key, _PAGE))
            yield [_result(row) for row in rows]
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


async def gather(data: DataSets, store: Store, key: int, writer: Mapping[str, Json] | None) -> str:
    """The JSON text of the list of results, for the state itself. Raises TooLarge."""
    texts: list[str] = []
    size = 2
    async with aclosing(results_of(store, key)) as pages:
        async for page in pages:
            for text in (text for result in page for text in data.texts(writer, result)):
                texts.append(text)
                size += len(text) + 1
                if size > MAX_BYTES:
                    raise TooLarge
    return f"[{','.join(texts)}]"


async def write(data: DataSets, store: Store, key: int, writer: Mapping[str, Json], arn: str) -> tuple[str, int]:
    """Write the results; the state's result, and how many were written. Raises Unwritable."""
    async with aclosing(results_of(store, key)) as pages:
        details, written = await data.write(writer, arn, pages)
    return dumps({"MapRunArn": arn, "ResultWriterDetails": details}), written


def _result(row: ExecutionRow) -> Result:
    new, change = row.new, row.change
    return Result(
        arn=new.arn,
        name=new.name,
        machine_arn=new.machine_arn,
        status=change.status,
        start_date=new.start_date,
        input=new.input,
        stop_date=change.stop_date,
        output=change.output,
        error=change.error,
        cause=change.cause,
        redrive_count=change.redrive_count,
    )
