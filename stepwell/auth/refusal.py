"""Why a caller is turned away.

Rules that must stay true here:
- A refusal says what the caller can do about it, and nothing of the keys and tokens that there are.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias


class SignatureRefused(Exception):
    """A request whose AWS signature does not hold; `shape` is AWS's name for the reason, the message AWS's text."""

    def __init__(self, shape: str, message: str) -> None:
        super().__init__(message)
        self.shape: Final = shape
        self.message: Final = message


BearerError: TypeAlias = Literal["invalid_request", "invalid_token", "insufficient_scope"]


class BearerRefused(Exception):
    """A request whose bearer token does not do. `error` is the code of RFC 6750; None where no token was sent."""

    def __init__(self, error: BearerError | None, message: str) -> None:
        super().__init__(message)
        self.error: Final = error
        self.message: Final = message

    @property
    def status(self) -> int:
        """The HTTP status that RFC 6750, section 3.1, gives the error."""
        return {"invalid_request": 400, "insufficient_scope": 403}.get(self.error or "", 401)

    @property
    def challenge(self) -> str:
        """The WWW-Authenticate header (RFC 6750, section 3). Messages have no quotes in them."""
        if self.error is None:
            return 'Bearer realm="stepwell"'
        return f'Bearer realm="stepwell", error="{self.error}", error_description="{self.message}"'


class KeysUnavailable(Exception):
    """The keys of an issuer cannot be read: the server, not the caller, is at fault. `retry_after` is in seconds."""

    def __init__(self, issuer: str, retry_after: int) -> None:
        super().__init__(f"the keys of {issuer} cannot be read")
        self.retry_after: Final = retry_after
