"""Signatures of webhooks, by the Standard Webhooks specification (version 1, symmetric).

Rules that must stay true here:
- What is signed is `id.timestamp.body`, so that neither a body nor its time can be exchanged.
- A secret that begins with `whsec_` is base64 behind it, any other is the text itself.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping


class NoSecret(Exception):
    """The secret is missing or cannot be read; the message says where it was looked for, and never what it is."""


def signed_headers(name: str, environ: Mapping[str, str], id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of a delivery that is signed with the secret in the variable `name`; `timestamp` is in seconds.

    Raises NoSecret.
    """
    key = _key(name, environ)
    proof = hmac.digest(key, f"{id}.{timestamp}.".encode() + body, "sha256")
    return {**unsigned_headers(id, timestamp), "webhook-signature": f"v1,{base64.b64encode(proof).decode()}"}


def unsigned_headers(id: str, timestamp: int) -> dict[str, str]:
    return {"webhook-id": id, "webhook-timestamp": str(timestamp)}


def _key(name: str, environ: Mapping[str, str]) -> bytes:
    text = environ.get(name)
    if not text:
        raise NoSecret(f"The secret of the webhook is to be in the environment variable {name}, which is not set.")
    if not text.startswith("whsec_"):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise NoSecret(f"The environment variable {name} begins with whsec_, but no base64 follows.") from None
