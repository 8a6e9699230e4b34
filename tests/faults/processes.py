"""The processes that a server has started, found by a mark in their environment, whoever their parent is by now.

Rules that must stay true here:
- A process that has ended and waits only for its parent to notice (a zombie) has ended.
"""

from __future__ import annotations

from pathlib import Path

from tests.patience import until

MARK = "KILL_TEST_MARK"


def marked(mark: str) -> dict[int, str]:
    """The command lines of the living processes with this mark, by process id. Linux only."""
    found = {}
    wanted = f"{MARK}={mark}".encode()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if wanted not in (folder / "environ").read_bytes().split(b"\0"):
                continue
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            if state not in "ZX":
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, IndexError):
            continue  # it has just ended
    return found


def all_end(mark: str) -> None:
    """Wait until there is no process with this mark any more."""
    until(lambda: not marked(mark), lambda: f"left: {marked(mark)}")
