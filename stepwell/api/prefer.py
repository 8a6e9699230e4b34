"""The Prefer header (RFC 7240): how long a client would wait for an answer that says more.

AWS passes the header over: a client that sends it polls there, and waits here, with the same call.
"""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 60  # seconds; AWS's own long poll, GetActivityTask, answers as late

_WAIT: Final = re.compile(rb"(?:^|,)\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?=$|[,;])", re.IGNORECASE)


def wait_preferred(header: bytes) -> int:
    """The seconds of `wait=N`, cut to what is possible; 0 where there is no such preference."""
    found = _WAIT.search(header)
    return 0 if found is None else min(int(found[1]), LONGEST)
