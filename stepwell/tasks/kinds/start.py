"""How a process that serves the calls of a function is started.

Rules that must stay true here:
- It is a description: nothing is started, looked up or read here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStart:
    """`arguments` are the program and its arguments; the descriptor of the socket, the server's process id and the
    function's name follow them. `folder` is where it runs; None is the server's own. `setup` is what the worker is told
    first: texts and lists of texts."""

    arguments: tuple[str, ...]
    folder: Path | None = None
    setup: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
