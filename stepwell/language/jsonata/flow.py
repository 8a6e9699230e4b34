"""What a JSONata state reads and writes: Arguments, Output, Assign.

Rules that must stay true here:
- Every expression sees the raw input; Output and Assign see the result too, where the state has one.
- Without Output, the output is the result, or the input of a state that has none; of a catcher, the error output.
- Assign and Output see the variables as they were when the state was entered.
"""

from __future__ import annotations

from msgspec import Struct

from stepwell.language.assign import assigned
from stepwell.language.model import Exit, Expression
from stepwell.language.scope import Scope
from stepwell.language.values import Json


class JsonataFlow(Struct, frozen=True):
    """The data flow of one state. See `DataFlow`. `has_result` says that it is a Task, Parallel or Map."""

    arguments_: Expression | None = None
    output: Expression | None = None
    assign: Expression | None = None
    has_result: bool = False

    def enter(self, scope: Scope) -> Json:
        """The raw input: nothing filters it."""
        return scope.input

    def arguments(self, scope: Scope) -> Json:
        """Arguments, or else the raw input."""
        return scope.input if self.arguments_ is None else self.arguments_.evaluate(scope)

    def leave(self, raw: Json, result: Json, scope: Scope) -> Exit:
        """Assign and Output."""
        inner = scope.after("result", result) if self.has_result else scope
        variables = assigned(self.assign, inner)
        return Exit(result if self.output is None else self.output.evaluate(inner), variables)


class JsonataCatch(Struct, frozen=True):
    """The data flow of one catcher. See `CatchFlow`."""

    output: Expression | None = None
    assign: Expression | None = None

    def leave(self, raw: Json, error_output: Json, scope: Scope) -> Exit:
        """Assign and Output of the catcher."""
        inner = scope.after("errorOutput", error_output)
        variables = assigned(self.assign, inner)
        return Exit(error_output if self.output is None else self.output.evaluate(inner), variables)
