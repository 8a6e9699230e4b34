"""When a value ends: a JWT says so itself, any other lives as long as its mark says.

Rules that must stay true here:
- A JWT is read, never verified: what it says about its end is the only thing that matters here.
"""

from __future__ import annotations

import base64
import binascii
import math
from typing import Final

from stepwell.language.values import Json, loads

_MARGIN: Final = 60_000  # milliseconds before its end in which a value is no longer given out


def jwt_end(value: Json) -> int | None:
    """When a JWT expires, in milliseconds since 1970; None for all else."""
    if not isinstance(value, str) or value.count(".") != 2:
        return None
    payload = value.split(".")[1]
    try:
        claims = loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (binascii.Error, ValueError):
        return None
    end = claims.get("exp") if isinstance(claims, dict) else None
    if isinstance(end, bool) or not isinstance(end, int | float) or not math.isfinite(end):
        return None
    return int(end * 1000)


def end_of(value: Json, lifetime: int | None, now: int) -> int | None:
    """When a value ends that is taken in now; None where nothing says so."""
    end = jwt_end(value)
    if end is None and lifetime is not None:
        end = now + lifetime
    return end


def is_near(end: int | None, since: int, now: int) -> bool:
    """Whether a value is in the last quarter of its life, or in the last minute where that is shorter. `since` is when
    it was taken in."""
    return end is not None and now >= end - min(_MARGIN, max(end - since, 0) // 4)
