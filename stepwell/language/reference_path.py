"""Where ResultPath puts a result: a path of names and indexes only.

Rules that must stay true here:
- `put` never changes a document in place: it builds a new spine and shares the rest.
- Missing objects on the way are made; anything else that stands in the way is an error.
"""

from __future__ import annotations

from stepwell.language.errors import QueryError, SyntaxFault
from stepwell.language.jsonpath_steps import Index, Name
from stepwell.language.jsonpath_syntax import PathParser
from stepwell.language.values import Json, dumps


class ReferencePath:
    """A compiled ResultPath. `text` is its source; `is_root` says that it is `$`."""

    __slots__ = ("_steps", "is_root", "text")

    def __init__(self, text: str, steps: tuple[str | int, ...]) -> None:
        self.text = text
        self.is_root = not steps
        self._steps = steps

    def put(self, document: Json, value: Json) -> Json:
        """The document with the value at this path.

        A member that does not exist is made, with the objects on the way to it. An index must exist in its array, or be
        the one behind the last. Raises QueryError (States.ResultPathMatchFailure) where the path cannot be applied.
        """
        return self._put(document, value, 0)

    def _put(self, document: Json, value: Json, depth: int) -> Json:
        if depth == len(self._steps):
            return value
        step = self._steps[depth]
        if isinstance(step, str):
            if not isinstance(document, dict):
                raise self._conflict(document)
            copy = dict(document)
            copy[step] = self._put(document.get(step, {}) if depth + 1 < len(self._steps) else None, value, depth + 1)
            return copy
        if not isinstance(document, list) or step > len(document):
            raise self._conflict(document)
        items = list(document)
        if step == len(items):
            items.append({})
        items[step] = self._put(items[step], value, depth + 1)
        return items

    def _conflict(self, document: Json) -> QueryError:
        return QueryError(
            f"Unable to apply ReferencePath {self.text} to input {dumps(document)}", "States.ResultPathMatchFailure"
        )


def compile_reference_path(text: str) -> ReferencePath:
    """The compiled form of a ResultPath. Raises SyntaxFault where it is not `$` followed by names and indexes."""
    root, steps = PathParser(text).parse()
    if root != "$":
        raise SyntaxFault("Value is not a Reference Path: a ResultPath starts with '$'")
    plain: list[str | int] = []
    for step in steps:
        if isinstance(step, Name):
            plain.append(step.name)
        elif isinstance(step, Index) and step.index >= 0:
            plain.append(step.index)
        else:
            raise SyntaxFault("Value is not a Reference Path: it can name one member or one item a step only")
    return ReferencePath(text, tuple(plain))
