"""The lines that Stepwell writes to its log, read off the source.

Rules that must stay true here:
- A line is a call of a logger with a text; what is filled in stands as `…`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "stepwell"
LEVELS = {"warning": "warning", "error": "error", "exception": "error", "critical": "error"}
_FILLED = re.compile(r"%[-+0-9.]*[a-z]")


@cache
def lines() -> dict[str, str]:
    """The level of every line that tells of something wrong, by its text."""
    found: dict[str, str] = {}
    for module in sorted(PACKAGE.rglob("*.py")):
        for text, level in _of(ast.parse(module.read_bytes())):
            found[text] = level
    return found


def _of(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        logger = node.func.value
        if isinstance(logger, ast.Name) and logger.id in ("logger", "_log", "log") and node.func.attr in LEVELS:
            text = node.args[0]
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                yield _FILLED.sub("…", text.value), LEVELS[node.func.attr]
