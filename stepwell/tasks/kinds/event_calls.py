"""What becomes of a function's calls that nobody waits for (InvocationType Event), when they have ended.

Rules that must stay true here:
- Names and bounds are those of AWS Lambda (API reference, PutFunctionEventInvokeConfig; DeadLetterConfig).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,140}")
_TARGET = re.compile(r"arn:aws[a-z-]*:(?P<service>lambda|sqs|sns|events):[a-z0-9-]*:\d*:\S+")
_QUEUES = ("sqs", "sns")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCalls:
    """`retries` is how often a call is made again after an error of the function; `max_age`, in seconds, is how long it
    is tried at all. `on_success` and `on_failure` get a record of the call: the name of a function of this server, or
    the ARN of a function, an SQS queue, an SNS topic or an EventBridge bus. `dead_letter`, the ARN of a queue or a
    topic, gets the event alone. Raises ValueError where a field is not of this form."""

    retries: int = 2
    max_age: float = 21_600
    on_success: str | None = None
    on_failure: str | None = None
    dead_letter: str | None = None

    def __post_init__(self) -> None:
        if self.retries not in (0, 1, 2):
            raise ValueError(f"retries of event calls: {self.retries!r} is none of 0, 1 and 2")
        if not 60 <= self.max_age <= 21_600:
            raise ValueError(f"max_age of event calls: {self.max_age!r} is not between 60 and 21600 seconds")
        for name, target in (("on_success", self.on_success), ("on_failure", self.on_failure)):
            if target is not None and not (_NAME.fullmatch(target) or _TARGET.fullmatch(target)):
                raise ValueError(f"{name}: {target!r} is no function, SQS queue, SNS topic or EventBridge bus")
        found = self.dead_letter and _TARGET.fullmatch(self.dead_letter)
        if self.dead_letter is not None and not (found and found["service"] in _QUEUES):
            raise ValueError(f"dead_letter: {self.dead_letter!r} is the ARN of no SQS queue and no SNS topic")
