"""How long a Wait state waits.

Rules that must stay true here:
- Times are milliseconds since 1970 (UTC). A duration reads no clock: "now" comes in as an argument.
- A time that has passed already is a valid answer; the wait is over at once.
"""

from __future__ import annotations

from msgspec import Struct

from stepwell.language.errors import QueryError
from stepwell.language.java_text import java_text
from stepwell.language.jsonpath import MISSING, Path
from stepwell.language.scope import Scope
from stepwell.language.timestamp import parse_timestamp

# The longest wait in seconds (AWS, "Wait state").
LONGEST = 99_999_999


class Seconds(Struct, frozen=True):
    """`Seconds`: a fixed number of seconds."""

    seconds: int

    def until(self, scope: Scope, now: int) -> int:
        """The end of the wait."""
        return now + self.seconds * 1000


class SecondsPath(Struct, frozen=True):
    """`SecondsPath`: the number of seconds stands in the input."""

    path: Path

    def until(self, scope: Scope, now: int) -> int:
        """The end of the wait. Raises QueryError where the path leads to no whole number from 0 up."""
        value = self.path.find(scope)
        if value is MISSING or value is None:
            raise QueryError(f"The SecondsPath parameter does not reference an input value: {self.path.text}")
        if not isinstance(value, int) or isinstance(value, bool):
            raise QueryError(
                f"The SecondsPath parameter cannot be parsed as a long value: {self.path.text} == {java_text(value)}"
            )
        if value < 0:
            raise QueryError(f"The SecondsPath parameter references a negative value: {self.path.text} == {value}")
        if value > LONGEST:
            raise QueryError(
                f"The SecondsPath parameter references a value greater than {LONGEST}: {self.path.text} == {value}"
            )
        return now + value * 1000


class Timestamp(Struct, frozen=True):
    """`Timestamp`: a fixed time, in milliseconds since 1970 (UTC)."""

    time: int

    def until(self, scope: Scope, now: int) -> int:
        """The end of the wait."""
        return _whole_second(self.time)


class TimestampPath(Struct, frozen=True):
    """`TimestampPath`: the time stands in the input, as RFC 3339 text."""

    path: Path

    def until(self, scope: Scope, now: int) -> int:
        """The end of the wait. Raises QueryError where the path leads to no timestamp."""
        value = self.path.find(scope)
        if value is MISSING or value is None:
            raise QueryError(f"The TimestampPath parameter does not reference an input value: {self.path.text}")
        try:
            return _whole_second(parse_timestamp(value if isinstance(value, str) else ""))
        except ValueError:
            raise QueryError(
                "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format "
                f"string: {self.path.text} == {java_text(value)}"
            ) from None


def _whole_second(time: int) -> int:
    """AWS looks at a timestamp up to its seconds and drops what is finer."""
    return time - time % 1000
