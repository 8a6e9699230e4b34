"""The errors that evaluating a part of a definition can end in."""

from __future__ import annotations

from typing import Final


class QueryError(Exception):
    """An expression, path, template or rule could not be evaluated.

    `error` is the name that AWS reports (`States.Runtime`, `States.ParameterPathFailure`, `States.IntrinsicFailure`,
    …); `cause` is AWS's sentence without its frame: the machine puts "An error occurred while executing the state 'X'
    (entered at the event id #N). " before it. `location` is the field at fault, where it is known
    (`Arguments/Payload`). `late` says that the field was evaluated and its value is of no use: the failure then comes
    after the state's entry, else in its place (recorded by the events' previousEventId).
    """

    def __init__(
        self, cause: str, error: str = "States.Runtime", location: str | None = None, *, late: bool = False
    ) -> None:
        super().__init__(cause)
        self.error = error
        self.cause = cause
        self.location = location
        self.late = late


QUERY_EVALUATION_ERROR: Final = "States.QueryEvaluationError"


class Overrun(Exception):
    """The evaluation takes longer than its caller can wait, or might: it is to be done again with more patience."""


class SyntaxFault(Exception):
    """A path, an intrinsic call or a template is not well formed; `message` says why."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


_LONGEST_QUOTE: Final = 200  # characters


def quoted(text: str) -> str:
    """A text as a message quotes it: a long one only as far as it takes to know it."""
    return text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE] + "…"
