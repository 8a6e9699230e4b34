"""What an expression can see while it is evaluated.

Rules that must stay true here:
- A scope is cheap: the context object is built only when an expression asks for it.
- Time and randomness come in through the scope, never from the interpreter, so that a run can be replayed bit for bit.
- How much time is left decides only whether an evaluation is given up with `Overrun`, never what its answer is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, Protocol

from stepwell.language.values import Json

_NOTHING: Final[Mapping[str, Json]] = {}


class Randomness(Protocol):
    """The random values of one turn, all derived from the turn's entropy."""

    def uuid4(self) -> str:
        """A random UUID, version 4, in its text form."""
        ...

    def uniform(self) -> float:
        """A number in [0, 1)."""
        ...


LIMIT_SECONDS: Final = 1.0
"""What one expression may take (AWS, "Transforming data with JSONata")."""


class Patience:
    """How long the expressions of one turn may take, all of them together.

    Where `hurried`, the caller would rather be told `Overrun` than wait, and evaluates again elsewhere. `left` gives
    the seconds that remain. `asked` counts the expressions that were evaluated.
    """

    __slots__ = ("_left", "asked", "hurried")

    def __init__(self, *, hurried: bool = False, left: Callable[[], float] = lambda: LIMIT_SECONDS) -> None:
        self.hurried = hurried
        self.asked = 0
        self._left = left

    def seconds(self) -> float:
        """What the next expression may take; 0 or less where nothing is left."""
        self.asked += 1
        return min(LIMIT_SECONDS, self._left())


class Scope:
    """The values behind `$`, `$$` and `$name`; behind `$states` in JSONata.

    `input` is what `$` stands for at this place: the raw input for InputPath, the effective input for Parameters, the
    result for ResultSelector, the filtered output for OutputPath. In JSONata it is the raw input everywhere, and
    `outcome` holds the state's `result` or `errorOutput` where there is one. `now` is milliseconds since 1970; `size`
    says about how many characters of JSON an expression can reach. `opaque` is the brand of the texts that must not be
    looked into (`opaque.py`).
    """

    __slots__ = (
        "_build",
        "_context",
        "input",
        "now",
        "opaque",
        "outcome",
        "patience",
        "randomness",
        "size",
        "variables",
    )

    def __init__(
        self,
        input: Json,
        build_context: Callable[[], Json],
        randomness: Randomness,
        variables: Mapping[str, Json],
        *,
        now: int = 0,
        patience: Patience | None = None,
        size: int = 0,
        opaque: str | None = None,
    ) -> None:
        self.input = input
        self._build: Callable[[], Json] | None = build_context
        self._context: Json = None
        self.randomness = randomness
        self.variables = variables
        self.outcome: Mapping[str, Json] = _NOTHING
        self.now = now
        self.patience = patience or Patience()
        self.size = size
        self.opaque = opaque

    @property
    def context(self) -> Json:
        """The context object, `$$`."""
        if self._build is not None:
            self._context = self._build()
            self._build = None
        return self._context

    def on(self, input: Json) -> Scope:
        """The same scope with another `$`."""
        scope = Scope(
            input,
            lambda: self.context,
            self.randomness,
            self.variables,
            now=self.now,
            patience=self.patience,
            size=self.size,
            opaque=self.opaque,
        )
        scope.outcome = self.outcome
        return scope

    def after(self, name: Literal["result", "errorOutput"], value: Json) -> Scope:
        """The same scope once the state has a result or an error output."""
        scope = self.on(self.input)
        scope.outcome = {name: value}
        return scope
