"""The targets that read what a stranger sends: tokens, headers, ARNs, answers, and the small languages.

Rules that must stay true here:
- What a stranger might forge is a fault where it is taken, not only where it breaks something.
"""

from __future__ import annotations

import asyncio
import json
from typing import Final

from stepwell.api import arns
from stepwell.api.clock import clock_of
from stepwell.api.faults import ApiFault, invalid_task_token
from stepwell.api.hosts import host_guard
from stepwell.api.logs.pattern import PatternFault, compile_pattern
from stepwell.api.page_tokens import PageTokens
from stepwell.api.prefer import LONGEST, wait_preferred
from stepwell.api.signature import region_of
from stepwell.auth.bearer import Bearers
from stepwell.auth.issuers import IssuerRules, Issuers
from stepwell.auth.jwks import Jwks
from stepwell.auth.refusal import BearerRefused, KeysUnavailable
from stepwell.engine.errors import InvalidToken
from stepwell.engine.tokens import open_token
from stepwell.schedule import expression
from stepwell.tasks.frames import FrameError, Unpacker, pack
from stepwell.tasks.http.answers import Unreadable as UnreadableAnswer
from stepwell.tasks.http.answers import as_result
from stepwell.tasks.http.client import HttpAnswer
from stepwell.tasks.http.targets import NotAllowed, Targets, Unresolved
from stepwell.vault.marks import MarkError, parse_marks, take_out
from tests.fuzz.target import Fault, Target, text_of

# -- tokens, headers, small languages

_TOKENS: Final = PageTokens(bytes(32))
_GOOD_TOKEN: Final = _TOKENS.issue("ListExecutions", ("arn",), (1, "x"), 1_000)


def _page_token(data: bytes) -> None:
    text = text_of(data)
    if _TOKENS.open(text, "ListExecutions", ("arn",), 1_000) and text != _GOOD_TOKEN:
        raise Fault("a forged token is taken")


def _task_token(data: bytes) -> None:
    try:
        key, path = open_token(text_of(data))
    except InvalidToken:
        raise invalid_task_token() from None
    if not 0 <= key < 2**63 or not path.isascii():
        raise Fault("a token leads nowhere")


def _arn(data: bytes) -> None:
    text = text_of(data)
    found = arns.machine(text)
    if found.qualifier is not None:
        arns.version_number(found.qualifier)
    arns.check_role(text)
    if found.qualifier is None:
        arns.unqualified(text)


def _schedule(data: bytes) -> None:
    text, _, zone = text_of(data).partition("|")
    timing = expression.Timing(expression=expression.parse(text), zone=expression.zone(zone or "UTC"), anchor=0)
    moment: int | None = 1_700_000_000_000
    for _ in range(3):
        before, moment = moment, timing.next_after(moment)
        if moment is None:
            return
        if moment <= before:
            raise Fault("it falls due in the past")
        if moment > 253_402_300_799_000:
            return


def _marks(data: bytes) -> None:
    marks = parse_marks(text_of(data))
    take_out({"a": [{"b": "secret"}], "jwt": "x"}, marks, lambda *_: "sealed")


def _pattern(data: bytes) -> None:
    matches = compile_pattern(text_of(data))
    for line in ('{"a": {"b": [1, "x"]}, "level": "ERROR"}', "ERROR some words", "[1, 2", "{" * 50):
        matches(line)


def _host(data: bytes) -> None:
    if host_guard(frozenset({"a.example", ".b.example"}))(data):
        name = data.decode("latin-1").lower()
        if not any(part in name for part in ("localhost", "127.", "[::1]", "a.example", ".b.example")):
            raise Fault("a foreign host is answered")


def _header(data: bytes) -> None:
    if not 0 <= wait_preferred(data) <= LONGEST:
        raise Fault("a client would wait for ever")
    region_of(data)
    clock_of(None, data.decode("latin-1"), "real")


def _clock(data: bytes) -> None:
    clock_of(data.decode("latin-1"), None, "real")


_ISSUERS: Final = Issuers(
    [
        (
            IssuerRules(issuer="https://issuer.example", audience=frozenset({"me"})),
            Jwks("https://issuer.example", "https://issuer.example/keys"),
        )
    ],
)
_ISSUERS._issuers["https://issuer.example"][1]._tried_at = 1e18  # its keys are never read
_loop = asyncio.new_event_loop()


def _jwt(data: bytes) -> None:
    _loop.run_until_complete(Bearers((), _ISSUERS).caller("Bearer " + data.decode("latin-1")))
    raise Fault("a token is taken that nobody has signed")


def _frames(data: bytes) -> None:
    unpacker = Unpacker()
    for at in range(0, len(data), 7):
        for head, _ in unpacker.feed(data[at : at + 7]):
            json.dumps(head)


def _answer(data: bytes) -> None:
    head, _, body = data.partition(b"\n\n")
    lines = [line.partition(":") for line in head.decode("latin-1").splitlines()]
    headers = tuple((name, value.strip()) for name, _, value in lines)
    for lower in (True, False):
        json.dumps(as_result(HttpAnswer(200, "", headers, body), lower=lower))


async def _to_metadata(host: str, port: int) -> tuple[str, ...]:
    return ("169.254.169.254",)


_TARGETS: Final = Targets(("named.example",), _to_metadata)


def _url(data: bytes) -> None:
    found = _loop.run_until_complete(_TARGETS.find(text_of(data)))
    if found.host != "named.example":
        raise Fault(f"{found.host} may be called, at a private address")


TARGETS: Final = (
    Target("page-token", _page_token, (ApiFault,), (_GOOD_TOKEN.encode(), b"AAAA"), (b"=", b"-", b"_", b"A"), weight=4),
    Target(
        "task-token",
        _task_token,
        (ApiFault,),
        (b"AQAAAAAAAAAB" + b"A" * 24, b"AQ" + b"A" * 34 + b"NS4wLw=="),
        (b"=", b"_", b"AQ", b"fw"),
        weight=4,
    ),
    Target(
        "arn",
        _arn,
        (ApiFault,),
        (
            b"arn:aws:states:us-east-1:123456789012:stateMachine:m:1",
            b"arn:aws:states:us-east-1:123456789012:stateMachine:m/label",
        ),
        (b":", b"/", b"execution", b"express", b"mapRun", b"activity"),
        weight=4,
    ),
    Target(
        "schedule",
        _schedule,
        (expression.InvalidExpression,),
        (
            b"rate(5 minutes)",
            b"cron(0/5 8-17 ? * MON-FRI 2026)",
            b"cron(0 0 L * ? *)",
            b"cron(1,2 3 15W 1-6 ? *)|Europe/Berlin",
            b"cron(0 8 ? * 6#3 *)",
            b"at(2030-01-31T08:00:00)|Asia/Tokyo",
        ),
        (
            b"rate(",
            b"cron(",
            b"at(",
            b"L",
            b"W",
            b"#",
            b"?",
            b"*",
            b"/",
            b"-",
            b"SUN",
            b"DEC",
            b"days",
            b"|../etc/passwd",
            b"|Europe/Berlin",
        ),
        weight=0.5,
    ),
    Target(
        "marks",
        _marks,
        (MarkError,),
        (b"jwt $.a[0].b $..jwt *token* $['x y']", b"jwt=Refresh@15m"),
        (b"$..", b"*", b"=", b"@", b"[0]", b"['", b"']"),
    ),
    Target(
        "log-pattern",
        _pattern,
        (PatternFault,),
        (b'{ $.level = "ERROR" && ($.a.b[0] > 0 || $.x NOT EXISTS) }', b'ERROR -some "two words" ?a'),
        (b"{", b"}", b"$.", b"&&", b"||", b"IS NULL", b"!=", b"%", b"[", b'"'),
    ),
    Target(
        "host",
        _host,
        (),
        (b"localhost:8083", b"127.0.0.1", b"[::1]:80", b"sync-localhost", b"A.Example.", b"x.b.example:1"),
        (b"localhost", b".", b":", b"@", b"[", b"]", b"127.0.0.1", b"evil.example"),
        weight=2,
    ),
    Target(
        "header",
        _header,
        (ApiFault,),
        (
            b"wait=5",
            b'respond-async, wait = "9"; x',
            b"Root=1-2;stepwell-clock=virtual",
            b"AWS4-HMAC-SHA256 Credential=A/20260101/eu-west-1/states/aws4_request",
        ),
        (b"wait=", b";", b",", b"stepwell-clock="),
        weight=2,
    ),
    Target("clock", _clock, (ApiFault,), (b"virtual", b" Real"), (b"real", b"held", b"-"), weight=4),
    Target(
        "jwt",
        _jwt,
        (BearerRefused, KeysUnavailable),
        (
            b"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIn0.AAAA",
            b"eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIn0.",
        ),
        (b".", b"=", b"e30", b"W10", b"bnVsbA"),
        weight=0.3,
    ),
    Target(
        "frames",
        _frames,
        (FrameError,),
        (pack({"id": "1"}, b"x"), pack({}) + pack({"a": [1]}, b"yy")),
        (b"\x00\x00\x00\x01", b"\xff\xff\xff\xff", b"{}"),
    ),
    Target(
        "http-answer",
        _answer,
        (UnreadableAnswer,),
        (
            b'Content-Type: application/json; charset=utf-8\nX: y\n\n{"a": 1}',
            b"content-type: text/plain; charset=utf-16\n\n\xff\xfea\x00",
        ),
        (
            b"charset=",
            b"charset=punycode",
            b"charset=idna",
            b"charset=rot13",
            b"charset=hex",
            b"charset=undefined",
            b"charset*=utf-8''x",
            b"application/json",
            b";",
            b'"',
            b"multipart/x",
        ),
    ),
    Target(
        "url",
        _url,
        (NotAllowed, Unresolved, ValueError),
        (b"https://named.example/x?y=1", b"https://public.example:8443/", b"http://169.254.169.254/latest"),
        (b"https://", b"@", b":", b"#", b"?", b"\\", b"%2f", b"[", b"]", b"named.example", b"\xe3\x80\x82"),
    ),
)
