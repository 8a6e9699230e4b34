"""Requests of the AWS API, drawn from its service model: sound ones, nearly sound ones, and ones that make no sense.

Rules that must stay true here:
- Every choice is made by the `Random` that is given: a seed replays it, and hypothesis makes it smaller.
- Values that lead somewhere (ARNs, tokens) come from the world that is asked, so that bad input gets past the first
  check.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Final

from stepwell.api.service_model import INPUTS, SHAPES, TARGET_PREFIX
from tests.fuzz.mutations import ODD

Known = Mapping[str, Sequence[Any]]
"""Values by the name of a member."""

_TEXTS: Final = (
    *("", " ", "a", "é", "\x00", "\x7f", "\u2028", "😀", "\ud800", "a/b", "../..", "a:b", "*", "%s", "{}", "NaN", "-1"),
    *("a" * 80, "a" * 81, "a" * 256, "a" * 257, "é" * 130, "arn:aws:states", "arn:aws:states:::", "$LATEST", "1" * 30),
    *('{"a":1}', "[1", "{% $x %}", "$.a", "'; DROP TABLE executions; --", "\r\nX: y", "<script>", "true", "1e999"),
)
_JUNK: Final = (None, True, False, 0, -1, 2**31, 2**63, 10**40, 0.5, 1e308, [], {}, [None], {"": None}, [[[]]], "x")
_DEEP: Final = ("[" * 500 + "]" * 500, '{"a":' * 300 + "1" + "}" * 300)
_HEADERS: Final = (
    *(b"Prefer: wait=1", b"Prefer: wait=99999999999999999999", b"X-Stepwell-Clock: virtual", b"X-Stepwell-Clock: x"),
    *(
        b"X-Amzn-Trace-Id: Root=1-2;stepwell-clock=virtual",
        b"Origin: http://evil.example",
        b"Origin: null",
        b"Origin: http://[::1",
    ),
    *(b"Authorization: AWS4-HMAC-SHA256 Credential=A/20260101/x-1/states/aws4_request, SignedHeaders=a, Signature=x",),
    *(
        b"Authorization: Bearer x",
        b"Authorization: " + b"a" * 3000,
        b"Expect: 100-continue",
        b"X-Amz-Target: Other.Thing",
    ),
    *(
        b"Content-Encoding: gzip",
        b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        b"X: \xff\xfe",
    ),
)


def request(random: Random, known: Known, operation: str | None = None) -> bytes:
    """The bytes of one request."""
    name = operation or random.choice(sorted(INPUTS))
    body = _encoded(random, _structure(random, INPUTS[name], known, 0))
    return _framed(random, name, body)


# -- values of shapes


def _value(random: Random, name: str, member: str, known: Known, depth: int) -> Any:
    luck = random.random()
    if luck < 0.03:
        return random.choice(_JUNK)
    if luck < 0.8 and known.get(member):
        found = random.choice(known[member])
        return _damaged(random, found) if isinstance(found, str) and random.random() < 0.15 else found
    shape = SHAPES[name]
    match shape["type"]:
        case "structure":
            return _structure(random, name, known, depth + 1)
        case "list":
            most = min(int(shape.get("max", 4)) + 1, 60) if random.random() < 0.1 else 3
            inner = shape["member"]["shape"]
            return [_value(random, inner, member, known, depth + 1) for _ in range(random.randrange(most + 1))]
        case "map":
            return {
                _text(random, {}): _value(random, shape["value"]["shape"], "", known, depth + 1)
                for _ in range(random.randrange(3))
            }
        case "boolean":
            return random.random() < 0.5
        case "integer" | "long" | "float" | "double":
            return _number(random, shape)
        case "timestamp":
            return random.choice((0, -1, 1.5e9, 1e300, "2026-01-01T00:00:00Z"))
    return _text(random, shape)


def _structure(random: Random, name: str, known: Known, depth: int) -> dict[str, Any]:
    shape = SHAPES[name]
    required = frozenset(shape.get("required", ()))
    found: dict[str, Any] = {}
    for member, inner in shape["members"].items():
        if depth < 6 and random.random() < (0.96 if member in required else 0.25):
            found[member] = _value(random, inner["shape"], member, known, depth)
    if random.random() < 0.03:
        found[_text(random, {})] = random.choice(_JUNK)
    return found


def _number(random: Random, shape: Mapping[str, Any]) -> Any:
    least, most = shape.get("min", 0), shape.get("max", 1000)
    edges = (
        least,
        most,
        least - 1,
        most + 1,
        0,
        1,
        -1,
        2**31 - 1,
        2**31,
        2**63 - 1,
        2**63,
        1.0,
        0.1,
        1e308,
        float("nan"),
        float("inf"),
    )
    return random.choice(edges) if random.random() < 0.5 else random.randint(int(least), int(min(most, 10_000)))


def _text(random: Random, shape: Mapping[str, Any]) -> str:
    luck = random.random()
    if "enum" in shape and luck < 0.8:
        return str(random.choice(shape["enum"]))
    if "max" in shape and luck < 0.15 and shape["max"] < 100_000:
        return "a" * (int(shape["max"]) + random.randrange(2))
    if luck < 0.3:
        return _damaged(random, random.choice(_TEXTS))
    return random.choice(_TEXTS) if luck < 0.7 else f"n{random.randrange(50)}"


def _damaged(random: Random, text: str) -> str:
    at = random.randrange(len(text) + 1)
    return text[:at] + random.choice(_TEXTS) + text[at + random.randrange(3) :]


# -- bytes


def _encoded(random: Random, members: Any) -> bytes:
    """The members as JSON, one time in six as something that is not quite JSON."""
    text = json.dumps(members, ensure_ascii=random.random() < 0.7)
    body = text.encode("utf-8", "surrogatepass")
    match random.randrange(60):
        case 0:
            return text.encode("utf-16", "surrogatepass")
        case 1:
            return b"\xef\xbb\xbf" + body
        case 2:
            return body[: random.randrange(len(body) + 1)]
        case 3 if len(body) > 2:
            return b"{" + body[1:-1] + b"," + body[1:]  # every member twice
        case 4:
            return random.choice(_DEEP).encode()
        case 5:
            return random.choice(ODD)
        case 6:
            return json.dumps(random.choice(_JUNK)).encode()
        case 7 | 8 | 9:
            at = random.randrange(len(body) + 1)
            return body[:at] + random.choice(ODD) + body[at + random.randrange(4) :]
    return body


def _framed(random: Random, operation: str, body: bytes) -> bytes:
    """The body with its head, one time in six with one that is odd."""
    target = b"%s.%s" % (TARGET_PREFIX.encode(), operation.encode())
    kind, length, more = b"application/x-amz-json-1.0", b"Content-Length: %d" % len(body), b""
    match random.randrange(60):
        case 0:
            target = random.choice(
                (b"", target[:-1], target.lower(), b"Other." + target, b"AWSEvents.CreateConnection", b"\xff")
            )
        case 1:
            kind = random.choice(
                (b"", b"application/json", b"text/plain", kind + b"; charset=utf-16", kind.upper(), b"\xff")
            )
        case 2:
            length = b"Content-Length: %d" % random.choice((0, 1, len(body) + 5, 10**12))
        case 3 | 4:
            cut = random.randrange(len(body) + 1)
            length = b"Transfer-Encoding: chunked"
            body = (
                b"".join(b"%x;a=b\r\n%s\r\n" % (len(part), part) for part in (body[:cut], body[cut:]) if part)
                + b"0\r\n\r\n"
            )
        case 5:
            length, body = (
                b"Transfer-Encoding: chunked",
                random.choice((b"z\r\n", b"-1\r\n\r\n", b"5\r\nab", b"ffffffffffffffffff\r\n", b"")),
            )
        case 6:
            length += b"\r\nContent-Length: %d" % random.choice((0, len(body), 3))
        case 7 | 8 | 9:
            more = random.choice(_HEADERS) + b"\r\n"
    return b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: %s\r\nContent-Type: %s\r\n%s%s\r\n\r\n%s" % (
        target,
        kind,
        more,
        length,
        body,
    )
