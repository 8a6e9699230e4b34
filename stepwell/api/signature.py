"""What a request's signature says before it is checked: the region that the caller means.

Rules that must stay true here:
- Nothing here decides who the caller is.
"""

from __future__ import annotations

import re
from functools import lru_cache

# Authorization: AWS4-HMAC-SHA256 Credential=AKID/20240131/eu-west-1/states/aws4_request, SignedHeaders=…, Signature=…
_SCOPE = re.compile(rb"Credential=[^,\s]*/[0-9]{8}/([a-z0-9-]{1,40})/[^/,\s]+/aws4_request")
_REGION = re.compile(r"[a-z]{2,}(-[a-z0-9]+)+")


def region_of(authorization: bytes) -> str | None:
    """The region of the credential scope in an Authorization header, None where there is none."""
    match = _SCOPE.search(authorization)
    return None if match is None else _checked(match[1])


@lru_cache(maxsize=256)
def _checked(region: bytes) -> str | None:
    name = region.decode("ascii")
    return name if _REGION.fullmatch(name) else None
