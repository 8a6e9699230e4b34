"""Which Host headers are answered: the guard against DNS rebinding.

Rules that must stay true here:
- Without a setting only loopback names and addresses are answered, so that no web page can reach the server by a name
  of its own that resolves to this machine.
- SDKs put `sync-` before the host of two operations: it is taken off before the check.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

_LOOPBACK = re.compile(r"(?:[a-z0-9_-]+\.)*localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]/@\s]+)(?::[0-9]{1,5})?")


def host_guard(allowed: frozenset[str]) -> Callable[[bytes], bool]:
    """What tells whether a Host header is answered. `allowed` are further names; `.example.com` allows all below it."""
    names = frozenset(name.lower().rstrip(".") for name in allowed if not name.startswith("."))
    suffixes = tuple(name.lower().rstrip(".") for name in allowed if name.startswith("."))

    @lru_cache(maxsize=256)
    def is_allowed(header: bytes) -> bool:
        match = _HOST.fullmatch(header.decode("latin-1").lower())
        if match is None:
            return False
        name = match[1].rstrip(".")
        for candidate in (name, name.removeprefix("sync-")):
            if _LOOPBACK.fullmatch(candidate) or candidate in names or (suffixes and candidate.endswith(suffixes)):
                return True
        return False

    return is_allowed
