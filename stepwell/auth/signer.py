"""Signs requests to a server with AWS Signature Version 4.

Rules that must stay true here:
- The standard library is enough; what is signed is what every SDK signs: the host, the time, and AWS's headers.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from stepwell.auth.sigv4 import (
    ALGORITHM,
    TERMINATOR,
    canonical_query,
    canonical_request,
    header_value,
    signature,
    signing_key,
)

_DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs with one access key. `clock` gives seconds since 1970."""

    key_id: str
    secret: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    region: str = _DEFAULT_REGION
    service: str = "states"
    clock: Callable[[], float] = time.time

    def sign(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> dict[str, str]:
        """The headers of a request, with the signature among them. `url` is absolute, encoded as it is sent."""
        parts = urlsplit(url)
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self.clock()))
        sent = {**headers, "Host": _host(parts.scheme, parts.netloc), "X-Amz-Date": moment}
        if self.session_token:
            sent["X-Amz-Security-Token"] = self.session_token
        signed = sorted(
            (name.lower(), header_value(value))
            for name, value in sent.items()
            if name.lower() in ("host", "content-type") or name.lower().startswith("x-amz-")
        )
        names = ";".join(name for name, _ in signed)
        scope = f"{moment[:8]}/{self.region}/{self.service}/{TERMINATOR}"
        request = canonical_request(
            method, parts.path, canonical_query(parts.query), signed, names, hashlib.sha256(body).hexdigest()
        )
        key = signing_key(self.secret, moment[:8], self.region, self.service)
        proof = signature(key, moment, scope, request)
        sent["Authorization"] = (
            f"{ALGORITHM} Credential={self.key_id}/{scope}, SignedHeaders={names}, Signature={proof}"
        )
        return sent


def signer_of(environ: Mapping[str, str]) -> Signer | None:
    """A signer with the access key that the environment holds, as AWS's tools read it; None where it holds none."""
    key_id, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not key_id or not secret:
        return None
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or _DEFAULT_REGION
    return Signer(key_id, secret, environ.get("AWS_SESSION_TOKEN") or None, region)


def _host(scheme: str, netloc: str) -> str:
    """The Host header of an address: without the port where it is the scheme's own."""
    host = netloc.rpartition("@")[2]
    return host.removesuffix(":443" if scheme == "https" else ":80")
