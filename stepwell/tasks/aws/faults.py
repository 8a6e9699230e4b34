"""What can go wrong with a call of a service.

Rules that must stay true here:
- A fault carries what the service said; how Step Functions words it is for the dialect of the integration.
"""

from __future__ import annotations


class ServiceFault(Exception):
    """The service has refused the call.

    `code` is its own (`NoSuchKey`), `message` None where it gave none; `extended_request_id` is Amazon S3's.
    """

    def __init__(
        self, code: str, message: str | None, status: int, request_id: str, extended_request_id: str | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.request_id = request_id
        self.extended_request_id = extended_request_id


class Unreachable(Exception):
    """The call did not get an answer: no credentials, no connection, no endpoint. The message says why."""


class RoleRefused(Exception):
    """The role that a call is to be made in cannot be assumed; the message says why."""


class Unavailable(Exception):
    """This server cannot, or may not, make the call; the message says what to do."""


class TaskFault(Exception):
    """The call was answered, and the answer means that the task has failed."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(cause)
        self.error = error
        self.cause = cause
