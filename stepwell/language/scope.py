"""What an expression can see while it is evaluated.

Rules that must stay true here:
- A scope is cheap: the context object is built only when an expression asks for it.
- Time and randomness come in through the scope, never from the interpreter, so that a run can be replayed bit for bit.
- How much time is left decides only whether an evaluation is given up with `Overrun`, never what its answer is.
- What one field of a state may look at and make is counted, over all its paths, calls and expressions together: neither
  their number nor their nesting takes the processor or the memory away. An answer depends on that count alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, Protocol

from stepwell.language.errors import Overrun, QueryError
from stepwell.language.values import Json, dumps

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


MOST_LOOKED: Final = 2_000_000
"""Values that the paths and calls of one field may look at, together: as much as takes some tenths of a second."""
MOST_MADE: Final = 1 << 24
"""Characters that the parts of one field may have, together: sixty-four times what a state may put out."""
FEW: Final = 16
"""So many parts of one field need not be weighed: each of them has its own bound."""
_IN_A_HURRY: Final = 50_000  # values that a turn looks at before it is computed elsewhere: some 10 ms


class Patience:
    """How long the expressions of one turn may take, all of them together.

    Where `hurried`, the caller would rather be told `Overrun` than wait, and evaluates again elsewhere. `left` gives
    the seconds that remain. `asked` counts the expressions that were evaluated, `looked` the values that paths and
    calls have looked at.
    """

    __slots__ = ("_left", "asked", "hurried", "looked")

    def __init__(self, *, hurried: bool = False, left: Callable[[], float] = lambda: LIMIT_SECONDS) -> None:
        self.hurried = hurried
        self.asked = 0
        self.looked = 0
        self._left = left

    def seconds(self) -> float:
        """What the next expression may take; 0 or less where nothing is left."""
        self.asked += 1
        return min(LIMIT_SECONDS, self._left())

    def look(self, values: int) -> None:
        """Count values that are looked at. Raises Overrun where a caller in a hurry has waited for enough of them."""
        self.looked += values
        if self.hurried and self.looked > _IN_A_HURRY:
            raise Overrun


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
        "_looked",
        "_made",
        "_weights",
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
        self._looked = 0
        self._made = 0
        self._weights: dict[int, tuple[Json, int]] = {}

    @property
    def context(self) -> Json:
        """The context object, `$$`."""
        if self._build is not None:
            self._context = self._build()
            self._build = None
        return self._context

    def look(self, values: int) -> None:
        """Count values that are looked at. Raises QueryError where they are too many, and Overrun in a hurry."""
        self._looked += values
        if self._looked > MOST_LOOKED:
            raise QueryError(f"The paths and functions of one field look at more than {MOST_LOOKED} values")
        self.patience.look(values)

    def weighed(self, value: Json) -> Json:
        """A value that becomes a part of what is made, counted by the length of its text: one that is taken many
        times has to be written as often. Raises QueryError where all parts together are too long."""
        kind = value.__class__
        if isinstance(value, str):
            self._made += len(value)
        elif kind is list or kind is dict:
            known = self._weights.get(id(value))
            if known is None:  # the value is kept with its weight, so that no other one gets its id
                known = self._weights[id(value)] = (value, len(dumps(value)))
            self._made += known[1]
        if self._made > MOST_MADE:
            raise QueryError(f"The parts of one field have more than {MOST_MADE} characters together")
        return value

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
