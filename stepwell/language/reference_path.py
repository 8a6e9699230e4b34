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

        A member that does not exist is made, with the objects on the way to it; an index must exist in its array.
        Raises QueryError (States.ResultPathMatchFailure) where the path cannot be applied to the document.
        """
        spine: list[Json] = []
        node = document
        for step in self._steps:
            spine.append(node)
            if isinstance(step, str) and isinstance(node, dict):
                node = node.get(step, {})
            elif isinstance(step, int) and isinstance(node, list) and step < len(node):
                node = node[step]
            else:
                raise self._conflict(document)
        for step, parent in zip(reversed(self._steps), reversed(spine), strict=True):
            if isinstance(step, str) and isinstance(parent, dict):
                value = {**parent, step: value}
            elif isinstance(step, int) and isinstance(parent, list):
                value = [*parent[:step], value, *parent[step + 1 :]]
        return value

    def _conflict(self, document: Json) -> QueryError:
        return QueryError(
            f"Unable to apply ReferencePath {self.text} to input {dumps(document)}", "States.ResultPathMatchFailure"
        )


def compile_reference_path(text: str) -> ReferencePath:
    """The compiled form of a ResultPath. Raises SyntaxFault where it is not `$` followed by names and indexes."""
    root, steps = PathParser(text).parse()
    if root != "$":
        raise SyntaxFault("Value is not a Reference Path: only the input can be written to, and it is '$'")
    plain: list[str | int] = []
    for step in steps:
        if isinstance(step, Name):
            plain.append(step.name)
        elif isinstance(step, Index) and step.index >= 0:
            plain.append(step.index)
        else:
            raise SyntaxFault("Value is not a Reference Path: it can name one member or one item a step only")
    return ReferencePath(text, tuple(plain))
