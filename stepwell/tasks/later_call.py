"""A call of a function that nobody waits for, as the text that it is kept as.

Rules that must stay true here:
- The text of a call is all that a later server needs to make it.
"""

from __future__ import annotations

from typing import Final, Protocol

from msgspec import Struct

from stepwell.language.values import dumps, loads

LIMIT: Final = 1_048_576
"""Bytes of an event (AWS Lambda quotas, "Invocation payload", asynchronous)."""


class EventTooLarge(Exception):
    """The call cannot be kept; the message is AWS's."""


class LaterCall(Struct, frozen=True, kw_only=True):
    """One call. `event` and `client_context` are JSON texts; `execution_arn` is that of the task that asks for it.
    With `secret` the event is to be kept sealed. `trace` is what the call is part of (see `stepwell.engine.trace`); it
    is kept with the execution that the call is kept as, and is not part of its text."""

    request_id: str
    name: str
    event: str
    qualifier: str | None = None
    client_context: str | None = None
    execution_arn: str | None = None
    secret: bool = False
    trace: str | None = None

    def text(self) -> str:
        """The input of the execution. Raises EventTooLarge."""
        size = len(self.event.encode("utf-8", "replace"))
        if size > LIMIT:
            raise EventTooLarge(f"{size} byte payload is too large for the Event invocation type (limit {LIMIT} bytes)")
        about = dumps(
            {
                "requestId": self.request_id,
                "name": self.name,
                "qualifier": self.qualifier,
                "clientContext": self.client_context,
                "execution": self.execution_arn,
            }
        )
        return f'{about[:-1]},"event":{self.event}}}'

    @classmethod
    def read(cls, text: str) -> LaterCall:
        given = loads(text)
        assert isinstance(given, dict)
        words = {name: value for name, value in given.items() if isinstance(value, str)}
        return cls(
            request_id=words["requestId"],
            name=words["name"],
            event=dumps(given["event"]),
            qualifier=words.get("qualifier"),
            client_context=words.get("clientContext"),
            execution_arn=words.get("execution"),
        )


class KeptCall(Struct, frozen=True):
    """A call and when it was kept, in milliseconds since 1970."""

    call: LaterCall
    since: int


class KeepCalls(Protocol):
    """Where calls are kept, to be carried out later."""

    async def __call__(self, call: LaterCall) -> None:
        """Raises EventTooLarge, Stopping, StoreError."""
        ...

    async def read(self, execution_arn: str) -> KeptCall:
        """The call that an execution was kept as. Raises LookupError, StoreError."""
        ...
