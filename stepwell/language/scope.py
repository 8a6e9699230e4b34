"""What an expression can see while it is evaluated.

Rules that must stay true here:
- A scope is cheap: the context object is built only when an expression asks for it.
- Randomness comes in through the scope, never from the interpreter, so that a run can be replayed bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from stepwell.language.values import Json


class Randomness(Protocol):
    """The random values of one turn, all derived from the turn's entropy."""

    def uuid4(self) -> str:
        """A random UUID, version 4, in its text form."""
        ...

    def uniform(self) -> float:
        """A number in [0, 1)."""
        ...


class Scope:
    """The values behind `$`, `$$` and `$name`.

    `input` is what `$` stands for at this place: the raw input for InputPath, the effective input for Parameters, the
    result for ResultSelector, the filtered output for OutputPath.
    """

    __slots__ = ("_build", "_context", "input", "randomness", "variables")

    def __init__(
        self,
        input: Json,
        build_context: Callable[[], Json],
        randomness: Randomness,
        variables: Mapping[str, Json],
    ) -> None:
        self.input = input
        self._build: Callable[[], Json] | None = build_context
        self._context: Json = None
        self.randomness = randomness
        self.variables = variables

    @property
    def context(self) -> Json:
        """The context object, `$$`."""
        if self._build is not None:
            self._context = self._build()
            self._build = None
        return self._context

    def on(self, input: Json) -> Scope:
        """The same scope with another `$`."""
        scope = Scope(input, lambda: self.context, self.randomness, self.variables)
        return scope
