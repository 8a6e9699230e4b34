"""AWS Signature Version 4: the text that is signed, and the signature. For who signs and who verifies.

Rules that must stay true here:
- The path is encoded once more than it stands in the request, as for every service but S3.
- The standard library is enough: commands sign with it, and they start fast.

See "Create a signed AWS API request" in the AWS IAM user guide.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, unquote_to_bytes

ALGORITHM: Final = "AWS4-HMAC-SHA256"
TERMINATOR: Final = "aws4_request"

_UNRESERVED: Final = "-_.~"


def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """The key of a day (`YYYYMMDD`), a region and a service."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def canonical_query(query: str, without: str | None = None) -> str:
    """A query string as it is signed. `without` names the parameter that holds the signature itself."""
    if not query:
        return ""
    pairs = []
    for parameter in query.split("&"):
        name, _, value = parameter.partition("=")
        if name and name != without:
            pairs.append((_encoded(name), _encoded(value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def canonical_request(
    method: str, path: str, query: str, headers: Iterable[tuple[str, str]], signed: str, payload_hash: str
) -> str:
    """The request as it is signed. `path` is as it was sent, `query` canonical; `headers` are those signed, in order of
    their names, which `signed` names."""
    lines = "".join([f"{name}:{value}\n" for name, value in headers])
    uri = "/" if path in ("", "/") else quote(path, safe="/" + _UNRESERVED)
    return f"{method}\n{uri}\n{query}\n{lines}\n{signed}\n{payload_hash}"


def signature(key: bytes, moment: str, scope: str, request: str) -> str:
    """The signature of a canonical request. `scope` is DATE/REGION/SERVICE/aws4_request."""
    hashed = hashlib.sha256(request.encode()).hexdigest()
    return hmac.digest(key, f"{ALGORITHM}\n{moment}\n{scope}\n{hashed}".encode(), "sha256").hex()


def header_value(value: str) -> str:
    """The value of a header as it is signed: runs of blanks are one blank."""
    return " ".join(value.split()) if "  " in value else value.strip()


def _encoded(text: str) -> str:
    """Percent-encoded in the one way that counts, however it was encoded before."""
    return quote(unquote_to_bytes(text), safe=_UNRESERVED)
