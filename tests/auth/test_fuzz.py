"""Whatever stands in the headers, a client is refused as a client: never with a 5xx, never let through."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stepwell.api.guard import guarded
from stepwell.auth.opening import Auth, open_auth
from stepwell.auth.table import AuthTable
from tests.auth.conftest import ENVIRON, KEYS, TOKENS

_auth = open_auth(AuthTable(KEYS, TOKENS), ENVIRON, "stepwell")
assert isinstance(_auth, Auth)
AUTH: Auth = _auth

_word = st.sampled_from(
    [
        *(
            "AWS4-HMAC-SHA256",
            "Bearer",
            "Credential=",
            "SignedHeaders=",
            "Signature=",
            "AKIAFULL",
            "20260101",
            "us-east-1",
        ),
        *("states", "aws4_request", "host", "x-amz-date", ";", ",", "/", " ", "=", "", "a" * 64, "\xff", "\x00", "."),
        *(
            "20260101T000000Z",
            "99999999T999999Z",
            "UNSIGNED-PAYLOAD",
            "00010101T000000Z",
            "host;host",
            "eyJhbGciOiJub25lIn0",
        ),
    ]
)
_value = st.lists(_word | st.text(max_size=8), max_size=12).map(lambda parts: "".join(parts).encode()[:512])
_signature = st.builds(
    lambda id, date, region, names, proof: (
        f"AWS4-HMAC-SHA256 Credential={id}/{date}/{region}/states/aws4_request, "
        f"SignedHeaders={names}, Signature={proof}"
    ).encode(),
    st.sampled_from(["AKIAFULL", "ASIASESSION", ""]),
    st.sampled_from(["20260101", "99999999", ""]),
    st.sampled_from(["us-east-1", "US", ""]),
    st.sampled_from(["host;x-amz-date", "host", "", ";", "x-amz-date;host", "host;host"]),
    st.text(max_size=8),
)
_name = st.sampled_from(
    [b"authorization", b"x-amz-date", b"date", b"x-amz-target", b"x-amz-security-token", b"host", b"content-length"]
)
_headers = st.lists(st.tuples(_name, _value | _signature), max_size=8)
_query = st.lists(
    st.tuples(
        st.sampled_from(["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature", "Security-Token"]),
        st.sampled_from(
            [
                "AWS4-HMAC-SHA256",
                "AKIAFULL%2F20260101%2Fus-east-1%2Fstates%2Faws4_request",
                "20260101T000000Z",
                "60",
                "%ff",
            ]
        ),
    ),
    max_size=9,
).map(lambda pairs: "&".join(f"X-Amz-{name}={value}" for name, value in pairs).encode())


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["/", "/jobs/1", "/logs", "/2015-03-31/functions", "/x\x00"]),
    _headers,
    _query,
    st.binary(max_size=9),
)
def test_nobody_gets_through_by_chance_and_nothing_breaks(
    path: str, headers: list[tuple[bytes, bytes]], query: bytes, body: bytes
) -> None:
    answers: list[dict[str, Any]] = []

    async def never(*_: object) -> None:
        raise AssertionError("let through")

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        answers.append(message)

    scope = {
        **{"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": query},
        "headers": headers,
    }
    asyncio.run(guarded(never, AUTH, "123456789012", {})(scope, receive, send))
    assert 400 <= answers[0]["status"] < 500
