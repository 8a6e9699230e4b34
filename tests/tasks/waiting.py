"""Waiting for other processes."""

import asyncio
from collections.abc import Callable
from pathlib import Path


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Return as soon as the condition holds; raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # another process makes it true: there is no event to wait for
            await asyncio.sleep(0.002)


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and is not waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def written(path: Path) -> str:
    """The text of a file as soon as it has one."""
    await until(lambda: path.exists() and path.read_text())
    return path.read_text()  # noqa: ASYNC240
