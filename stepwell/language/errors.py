"""The errors that evaluating a part of a definition can end in."""

from __future__ import annotations


class QueryError(Exception):
    """An expression, path, template or rule could not be evaluated.

    `error` is the name that AWS reports (`States.Runtime`, `States.ParameterPathFailure`, `States.IntrinsicFailure`, …);
    `cause` is AWS's sentence without its frame: the machine puts "An error occurred while executing the state 'X'
    (entered at the event id #N). " before it.
    """

    def __init__(self, cause: str, error: str = "States.Runtime") -> None:
        super().__init__(cause)
        self.error = error
        self.cause = cause


class SyntaxFault(Exception):
    """A path, an intrinsic call or a template is not well formed; `message` says why."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
