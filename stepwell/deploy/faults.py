"""What is wrong with a template, and where.

Rules that must stay true here:
- A fault names its place (file, logical id, property) and a way out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

_T = TypeVar("_T")
_P = ParamSpec("_P")


class TemplateError(Exception):
    """Something in a template that cannot be used. `place` is `LogicalId.Property`, or empty for the whole."""

    def __init__(self, place: str, message: str) -> None:
        self.place = place
        self.message = message
        super().__init__(f"{place}: {message}" if place else message)


class Faults:
    """The faults of a template, gathered so that all of them are told at once."""

    def __init__(self) -> None:
        self.found: list[TemplateError] = []

    def gather(self, read: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T | None:
        """What `read` answers; None where it raises a TemplateError, which is kept."""
        try:
            return read(*args, **kwargs)
        except TemplateError as error:
            if str(error) not in {str(known) for known in self.found}:
                self.found.append(error)
            return None
