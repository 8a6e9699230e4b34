"""Retry: the retriers of a state.

Rules that must stay true here:
- `States.ALL` stands alone in its ErrorEquals, and in the last retrier or catcher.
"""

from __future__ import annotations

from typing import Final

from stepwell.language.definition.node import MAX_WHOLE, Node
from stepwell.language.model import Retrier

_FIELDS: Final = (
    "ErrorEquals",
    "IntervalSeconds",
    "MaxAttempts",
    "BackoffRate",
    "MaxDelaySeconds",
    "JitterStrategy",
    "Comment",
)
_MAX_DELAY: Final = 31_622_399  # AWS: greater than 0 and less than 31622400, a leap year's seconds


def read_retry(state: Node) -> tuple[Retrier, ...]:
    """The retriers of a state in their order."""
    nodes = list(state.objects("Retry"))
    return tuple(_read_retrier(node, last=node is nodes[-1]) for node in nodes)


def read_error_equals(node: Node, *, last: bool) -> tuple[str, ...]:
    """The error names that a retrier or catcher takes."""
    if not node.require("ErrorEquals"):
        return ()
    names: list[str] = []
    for index, name in enumerate(node.array("ErrorEquals") or ()):
        if isinstance(name, str):
            names.append(name)
        else:
            node.fault("Expected value of type [STRING]", f"ErrorEquals[{index}]")
    if node.members["ErrorEquals"] == []:
        node.fault("The array must have at least 1 item", "ErrorEquals")
    if "States.ALL" in names and len(names) > 1:
        node.fault("'States.ALL' must be the only error name in the array", "ErrorEquals")
    elif "States.ALL" in names and not last:
        node.fault("'States.ALL' is only allowed in the last entry", "ErrorEquals")
    return tuple(names)


def _read_retrier(node: Node, *, last: bool) -> Retrier:
    node.allow(_FIELDS)
    errors = read_error_equals(node, last=last)
    node.text("Comment")
    interval = node.whole("IntervalSeconds", 1)
    attempts = node.whole("MaxAttempts", 0)
    rate = node.number("BackoffRate", 1.0, MAX_WHOLE)
    max_delay = node.whole("MaxDelaySeconds", 1, _MAX_DELAY)
    jitter = node.one_of("JitterStrategy", ("FULL", "NONE"))
    if max_delay is not None and max_delay <= (interval or 1):
        node.fault("'MaxDelaySeconds' must be greater than 'IntervalSeconds'", "MaxDelaySeconds")
    return Retrier(
        error_equals=errors,
        interval_seconds=1 if interval is None else interval,
        max_attempts=3 if attempts is None else attempts,
        backoff_rate=2.0 if rate is None else float(rate),
        max_delay_seconds=max_delay,
        full_jitter=jitter == "FULL",
    )
