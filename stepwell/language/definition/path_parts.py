"""How much work the JSONPaths and intrinsic calls of a definition are, told from their texts before any is compiled.

A name or an index in a path costs what its text does. A filter, a function or a `..` costs some fifty times as much:
it is compiled to functions of its own. A definition of 1 MB that is made of nothing else would take seconds.

Rules that must stay true here:
- Only members that hold paths count: those named `…Path`, `Variable`, and `….$`.
- What is counted is not parsed: the count is the same whether the paths are well formed or not.
"""

from __future__ import annotations

import re
from typing import Final

from stepwell.language.definition.node import Findings
from stepwell.language.diagnostics import Diagnostic
from stepwell.language.values import Json

MOST_PARTS: Final = 10_000
_PART: Final = re.compile(r"\(|\.\.|&&|\|\||=~|(?<!^)\$")
_PATTERN: Final = 10
"""What a regular expression counts: it may be `.{1000}`."""


_FEWEST_CHARACTERS: Final = len("=~//") * MOST_PARTS // _PATTERN


def check_path_parts(document: Json, length: int, findings: Findings) -> bool:
    """Whether the JSONPaths of a document, whose text has this length, have no more than MOST_PARTS filters and the
    like; reports it otherwise."""
    if length < _FEWEST_CHARACTERS or _parts(document) <= MOST_PARTS:
        return True
    message = (
        f"The JSONPaths of the definition have more than {MOST_PARTS:,} filters, functions, '..' and arguments; "
        "use QueryLanguage JSONata, or leave selecting to a task"
    )
    findings.diagnostics.append(Diagnostic("SCHEMA_VALIDATION_FAILED", message, None))
    return False


def _parts(document: Json) -> int:
    parts = 0
    waiting: list[tuple[str, Json]] = [("", document)]
    while waiting and parts <= MOST_PARTS:
        name, value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.items()
        elif isinstance(value, list):
            waiting += [(name, item) for item in value]
        elif isinstance(value, str) and (name.endswith((".$", "Path")) or name == "Variable"):
            parts += len(_PART.findall(value)) + (_PATTERN - 1) * value.count("=~")
    return parts
