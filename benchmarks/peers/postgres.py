"""A PostgreSQL of its own for a peer that needs one, from a package."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks.peers.peer import Unavailable

PROGRAM = Path(__file__).parent / "programs" / "postgres_server.py"


@asynccontextmanager
async def database(python: Path, folder: Path) -> AsyncIterator[str]:
    """The URL of a server with its files below the folder, as the package sets it up. Raises Unavailable."""
    with (folder / "postgres.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            python, PROGRAM, folder / "postgres", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        async with asyncio.timeout(60):
            url = (await process.stdout.readline()).decode().strip()
        if not url:
            said = (folder / "postgres.log").read_text(errors="replace").strip().splitlines()
            raise Unavailable(f"its PostgreSQL does not start: {said[-1][:300] if said else 'it says nothing'}")
        yield url
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(20):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
