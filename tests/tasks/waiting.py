"""Waiting for other processes."""

from pathlib import Path

from tests.patience import come


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and is not waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def written(path: Path) -> str:
    """The text of a file as soon as it has one."""
    return await come(lambda: path.exists() and path.read_text())
