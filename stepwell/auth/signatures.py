"""Verifies requests that carry an AWS signature, in a header or in the query of a presigned address.

Rules that must stay true here:
- What cannot be told from the signature's form, its key, its scope and its date is decided before the body is read.
- The host and every header that begins with `x-amz-` is signed: the operation stands in one of them.
- The body is signed: the unsigned and the chunked payloads of S3 are refused.
- Signatures and session tokens are compared in constant time.
- The key of a day, a region and a service is derived once.
"""

from __future__ import annotations

import base64
import calendar
import email.utils
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from stepwell.auth.caller import Caller, Role
from stepwell.auth.refusal import SignatureRefused
from stepwell.auth.sigv4 import (
    ALGORITHM,
    TERMINATOR,
    canonical_query,
    canonical_request,
    header_value,
    signature,
    signing_key,
)

SKEW: Final = 300
"""Seconds that a signature's date may be off, as AWS allows."""

LONGEST_EXPIRY: Final = 604_800
"""Seconds that a presigned address may hold: 7 days."""

_REGION: Final = re.compile(r"[a-z]{2,}(-[a-z0-9]+)+")
_MOMENT: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_HEX: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key. Where it has a session token, requests have to carry the same one; else any is passed over."""

    id: str
    secret: str = field(repr=False)
    role: Role = "full"
    name: str = ""
    session_token: str | None = field(default=None, repr=False)

    def caller(self) -> Caller:
        return Caller(self.name or self.id, self.role, "access key")


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What of a request its signature covers. `path` and `query` are as they were sent; header names are in lower case,
    and the values of one that is there several times have commas between."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Claim:
    """A signature whose form, key, scope and date are right; whether it holds is told with the body at hand."""

    key: AccessKey
    region: str
    service: str
    moment: str
    signed: str
    proof: str
    query: str


class Signatures:
    """Verifies with a set of access keys. `clock` gives seconds since 1970."""

    def __init__(self, keys: Iterable[AccessKey], clock: Callable[[], float] = time.time) -> None:
        self._keys = {key.id: key for key in keys}
        self._clock = clock
        self._signing_key = lru_cache(maxsize=256)(signing_key)

    def claim(self, request: SignedRequest, service: str | None) -> Claim:
        """What a request's signature claims. `service` is the one that is spoken to; None where any will do.

        Raises SignatureRefused.
        """
        authorization = request.headers.get("authorization")
        if authorization is not None:
            given = _header_parts(authorization)
            moment, expires, query = _moment(request), None, request.query
        elif "X-Amz-Signature=" in request.query:
            given = _query_parts(request.query)
            moment, expires, query = given.get("Date", ""), given.get("Expires", ""), request.query
        else:
            raise SignatureRefused("MissingAuthenticationTokenException", "Missing Authentication Token")
        key_id, date, region, scope_service = _scope(given["Credential"])
        if not _MOMENT.fullmatch(moment):
            raise _incomplete(f"Date must be in ISO-8601 'basic format'. Got '{_shown(moment)}'.")
        key = self._keys.get(key_id)
        if key is None:
            raise _unknown_key()
        _check_session(key, request, given)
        _check_scope(date, moment, region, scope_service, service)
        self._check_moment(moment, expires)
        names = given["SignedHeaders"]
        _check_signed(request, names.split(";"))
        return Claim(
            key,
            region,
            scope_service,
            moment,
            names,
            given["Signature"],
            canonical_query(query, None if expires is None else "X-Amz-Signature"),
        )

    def verify(self, claim: Claim, request: SignedRequest, body: bytes) -> Caller:
        """Who signed. Raises SignatureRefused."""
        payload_hash = hashlib.sha256(body).hexdigest()
        stated = request.headers.get("x-amz-content-sha256")
        if stated is not None and stated != payload_hash:
            raise _unlike_payload(stated)
        headers = [(name, header_value(request.headers.get(name, ""))) for name in claim.signed.split(";")]
        text = canonical_request(request.method, request.path, claim.query, headers, claim.signed, payload_hash)
        date = claim.moment[:8]
        key = self._signing_key(claim.key.secret, date, claim.region, claim.service)
        proof = signature(key, claim.moment, f"{date}/{claim.region}/{claim.service}/{TERMINATOR}", text)
        if not hmac.compare_digest(proof.encode(), claim.proof.encode()):
            raise _wrong_signature()
        return claim.key.caller()

    def _check_moment(self, moment: str, expires: str | None) -> None:
        try:
            signed_at = _seconds(moment)
        except ValueError:
            raise _incomplete(f"Date must be in ISO-8601 'basic format'. Got '{_shown(moment)}'.") from None
        now = int(self._clock())
        lasts = SKEW if expires is None else _expiry(expires)
        if signed_at > now + SKEW:
            limit = f"{_iso(now + SKEW)} ({_iso(now)} + 5 min.)"
            raise _invalid(f"Signature not yet current: {moment} is still later than {limit}")
        if signed_at + lasts < now:
            if expires is not None:
                raise _invalid(f"Signature expired: {_iso(signed_at + lasts)} is now earlier than {_iso(now)}")
            limit = f"{_iso(now - SKEW)} ({_iso(now)} - 5 min.)"
            raise _invalid(f"Signature expired: {moment} is now earlier than {limit}")


def _header_parts(authorization: str) -> dict[str, str]:
    """Credential, SignedHeaders and Signature of an Authorization header. Raises SignatureRefused."""
    algorithm, _, rest = authorization.partition(" ")
    parts: dict[str, str] = {}
    if algorithm == ALGORITHM:
        for part in rest.split(","):
            name, _, value = part.strip().partition("=")
            parts[name] = value
    missing = [name for name in ("Credential", "Signature", "SignedHeaders") if not parts.get(name)]
    if missing:
        told = " ".join(f"Authorization header requires '{name}' parameter." for name in missing)
        hashed = hashlib.sha256(authorization.encode()).digest()
        raise _incomplete(
            f"{told} (Hashed with SHA-256 and encoded with Base64) Authorization={base64.b64encode(hashed).decode()}"
        )
    return parts


def _query_parts(query: str) -> dict[str, str]:
    """The parameters of a presigned address, without their `X-Amz-`. Raises SignatureRefused."""
    parts: dict[str, str] = {}
    for parameter in query.split("&"):
        name, _, value = parameter.partition("=")
        if name.startswith("X-Amz-"):
            if name.removeprefix("X-Amz-") in parts:
                raise _incomplete(f"AWS query-string parameters must not be repeated: '{_shown(name)}'.")
            parts[name.removeprefix("X-Amz-")] = unquote(value)
    if parts.get("Algorithm") != ALGORITHM:
        raise _incomplete(f"Unsupported AWS 'algorithm': '{_shown(parts.get('Algorithm', ''))}'.")
    wanted = ("Credential", "Date", "Expires", "Signature", "SignedHeaders")
    missing = [name for name in wanted if not parts.get(name)]
    if missing:
        told = " ".join(f"AWS query-string parameters must include 'X-Amz-{name}'." for name in missing)
        raise _incomplete(f"{told} Re-examine the query-string parameters.")
    return parts


def _moment(request: SignedRequest) -> str:
    """The date of a request, as `X-Amz-Date` writes it; of the `Date` header where there is no other."""
    stated = request.headers.get("x-amz-date")
    if stated is not None:
        return stated
    date = request.headers.get("date")
    if date is None:
        raise _incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if _MOMENT.fullmatch(date):
        return date
    try:
        parsed = email.utils.parsedate_to_datetime(date)
        return time.strftime("%Y%m%dT%H%M%SZ", parsed.utctimetuple())
    except (ValueError, TypeError, OverflowError):
        return date


def _scope(credential: str) -> tuple[str, str, str, str]:
    """Key id, date, region and service of a credential. Raises SignatureRefused."""
    parts = credential.split("/")
    if len(parts) != 5:
        raise _incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got "
            f"'{_shown(credential)}'"
        )
    key_id, date, region, service, terminator = parts
    if terminator != TERMINATOR:
        raise _invalid(
            f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{_shown(terminator)}'."
        )
    return key_id, date, region, service


def _check_scope(date: str, moment: str, region: str, found: str, wanted: str | None) -> None:
    if date != moment[:8]:
        raise _invalid(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{_shown(date)}' != '{moment[:8]}', from '{moment}'."
        )
    if not _REGION.fullmatch(region):
        raise _invalid(f"Credential should be scoped to a valid region, not '{_shown(region)}'. ")
    if wanted is not None and found != wanted:
        raise _invalid(f"Credential should be scoped to correct service: '{wanted}'. ")


def _check_session(key: AccessKey, request: SignedRequest, given: Mapping[str, str]) -> None:
    if key.session_token is not None:
        token = request.headers.get("x-amz-security-token") or given.get("Security-Token", "")
        if not hmac.compare_digest(token.encode(), key.session_token.encode()):
            raise _unknown_key()


def _check_signed(request: SignedRequest, names: list[str]) -> None:
    signed = frozenset(names)
    if len(signed) != len(names) or names != sorted(names):
        raise _wrong_signature()  # no signer writes it so, and the canonical request has each header once
    if "host" not in signed:
        raise _invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    for name in request.headers:
        if name.startswith("x-amz-") and name not in signed:
            raise _invalid(f"'{_shown(name)}' must be a 'SignedHeader' in the AWS Authorization.")


def _expiry(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 9) or not 0 < int(text) <= LONGEST_EXPIRY:
        raise _incomplete(f"X-Amz-Expires must be between 1 and {LONGEST_EXPIRY} seconds, got '{_shown(text)}'.")
    return int(text)


@lru_cache(maxsize=64)
def _seconds(moment: str) -> int:
    """Seconds since 1970 of a date that has the form of one. Raises ValueError."""
    date, clock = moment[:8], moment[9:15]
    day = (int(date[:4]), int(date[4:6]), int(date[6:]))
    return calendar.timegm((*day, int(clock[:2]), int(clock[2:4]), int(clock[4:])))


def _iso(seconds: int) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))


def _shown(text: str) -> str:
    """What a client sent, in a message: short."""
    return text if len(text) <= 128 else text[:128] + "..."


def _incomplete(message: str) -> SignatureRefused:
    return SignatureRefused("IncompleteSignatureException", message)


def _invalid(message: str) -> SignatureRefused:
    return SignatureRefused("InvalidSignatureException", message)


def _unknown_key() -> SignatureRefused:
    return SignatureRefused("UnrecognizedClientException", "The security token included in the request is invalid.")


def _wrong_signature() -> SignatureRefused:
    return _invalid(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details."
    )


def _unlike_payload(stated: str) -> SignatureRefused:
    if _HEX.fullmatch(stated):
        return _wrong_signature()
    return _invalid(
        f"The payload must be signed: '{_shown(stated)}' in x-amz-content-sha256 is not the SHA-256 of the body in hex."
    )
