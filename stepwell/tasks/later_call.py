"""A call of a function that nobody waits for, as the text that it is kept as.

Rules that must stay true here:
- The text of a call is all that a later server needs to make it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from stepwell.language.values import dumps, loads

LIMIT: Final = 262_144
"""Bytes of a call with all that belongs to it: what the input of an execution may have."""


class EventTooLarge(Exception):
    """The call cannot be kept; the message is AWS's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterCall:
    """One call. `event` and `client_context` are JSON texts; `execution_arn` is that of the task that asks for it."""

    request_id: str
    name: str
    event: str
    qualifier: str | None = None
    client_context: str | None = None
    execution_arn: str | None = None

    def text(self) -> str:
        """The input of the execution. Raises EventTooLarge."""
        about = dumps(
            {
                "requestId": self.request_id,
                "name": self.name,
                "qualifier": self.qualifier,
                "clientContext": self.client_context,
                "execution": self.execution_arn,
            }
        )
        text = f'{about[:-1]},"event":{self.event}}}'
        if len(text.encode("utf-8", "replace")) > LIMIT:
            size = len(self.event.encode("utf-8", "replace"))
            raise EventTooLarge(f"{size} byte payload is too large for the Event invocation type (limit {LIMIT} bytes)")
        return text

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


KeepCall: TypeAlias = Callable[[LaterCall], Awaitable[None]]
"""Keeps a call, to be carried out later. Raises EventTooLarge, Stopping, StoreError."""
