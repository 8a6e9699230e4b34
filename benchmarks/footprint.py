"""What a server takes of its machine: memory, and disk for its store."""

from __future__ import annotations

from pathlib import Path


def resident(pid: int) -> int:
    """Bytes of memory that a process holds. Raises ProcessLookupError."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(pid)


def stored(folder: Path) -> int:
    """Bytes of the store's files."""
    return sum(file.stat().st_size for file in folder.glob("stepwell.db*"))
