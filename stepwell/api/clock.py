"""Which clock an execution is started on.

Rules that must stay true here:
- What asks for a clock is something that AWS passes over: a client that asks for it works there unchanged.
- The nearest to the call decides: the header, then the trace header, then the server's setting.
"""

from __future__ import annotations

import re
from typing import Final, cast, get_args

from stepwell.api import faults
from stepwell.engine.clock import ClockName

HEADER: Final = b"x-stepwell-clock"

_NAMES: Final = frozenset(get_args(ClockName))

# X-Ray's trace header is `Name=value` fields with semicolons between; fields that are not known are passed over.
_FIELD: Final = re.compile(r"(?:^|;)\s*stepwell-clock=([^;]*)", re.IGNORECASE)


def clock_of(header: str | None, trace_header: str | None, default: ClockName) -> ClockName:
    """The clock that a call asks for. Raises ValidationException where it asks for none that there is."""
    if header is None and trace_header is None:
        return default
    found = None if trace_header is None else _FIELD.search(trace_header)
    asked = header if header is not None else found[1] if found is not None else default
    name = asked.strip().lower()
    if name not in _NAMES:
        raise faults.validation(f"There is no clock '{asked}'. Clocks are: {', '.join(get_args(ClockName))}")
    return cast(ClockName, name)
