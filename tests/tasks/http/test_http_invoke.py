"""`http:invoke`: what is sent, what comes back, and what goes wrong."""

from __future__ import annotations

import base64
import dataclasses
import json
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from stepwell.engine.dispatch import Failed, Outcome, Succeeded
from stepwell.engine.trace import Trace
from stepwell.tasks.http import client
from stepwell.tasks.http.connection import ApiKey, Connection, OAuth, Parameter, Parameters
from stepwell.tasks.http.targets import Targets
from stepwell.tasks.http_invoke import HttpInvoke
from tests.patience import PATIENCE
from tests.tasks.http.conftest import ARN, Api, Got, Invoke, Known, Reply


def result(outcome: Outcome) -> Any:
    assert isinstance(outcome, Succeeded), outcome
    return json.loads(outcome.output)


def failure(outcome: Outcome) -> tuple[str | None, str]:
    assert isinstance(outcome, Failed), outcome
    return outcome.error, outcome.cause or ""


# -- what comes back


async def test_the_result_has_headers_body_and_status(api: Api, invoke: Invoke) -> None:
    api.answer({"id": 7}, 201, **{"X-Order": "7"})
    answer = result(await invoke())
    assert (answer["ResponseBody"], answer["StatusCode"], answer["StatusText"]) == ({"id": 7}, 201, "Created")
    assert (answer["Headers"]["content-type"], answer["Headers"]["x-order"]) == (["application/json"], ["7"])
    assert list(answer) == ["Headers", "ResponseBody", "StatusCode", "StatusText"]


@pytest.mark.parametrize(
    ("body", "type", "read"),
    [
        (b"plain", "text/plain", "plain"),
        (b'{"a":1}', "text/plain", '{"a":1}'),
        (b'{"a":1}', "application/vnd.api+json; charset=utf-8", {"a": 1}),
        (b"{broken", "application/json", "{broken"),
        (b"", "application/json", ""),
        ("ü".encode("latin-1"), "text/plain; charset=iso-8859-1", "ü"),
    ],
)
async def test_a_body_is_json_where_the_answer_says_so_and_text_elsewhere(
    api: Api, invoke: Invoke, body: bytes, type: str, read: object
) -> None:
    api.answer(body, type=type)
    assert result(await invoke())["ResponseBody"] == read


@pytest.mark.parametrize(
    ("type", "body"), [("image/png", b"x"), ("application/octet-stream", b"x"), ("text/plain", b"\xff")]
)
async def test_what_is_no_text_is_no_result(api: Api, invoke: Invoke, type: str, body: bytes) -> None:
    api.answer(body, type=type)
    assert failure(await invoke())[0] == "States.Runtime"


async def test_a_body_of_more_than_256_kib_is_refused(api: Api, invoke: Invoke) -> None:
    api.answer(b"x" * 262_145, type="text/plain")
    assert failure(await invoke())[0] == "States.DataLimitExceeded"
    api.answer(b"x" * 262_144, type="text/plain")
    assert len(result(await invoke())["ResponseBody"]) == 262_144


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
async def test_a_status_that_is_no_success_is_the_name_of_the_error(api: Api, invoke: Invoke, status: int) -> None:
    api.answer({"why": "because"}, status)
    assert failure(await invoke()) == (f"States.Http.StatusCode.{status}", '{"why": "because"}')


async def test_a_redirect_is_not_followed(api: Api, invoke: Invoke) -> None:
    api.answer("", 302, Location="http://169.254.169.254/")
    assert failure(await invoke()) == ("States.Http.StatusCode.302", "Found")
    assert len(api.got) == 1


async def test_nobody_there_is_an_error_of_the_socket(invoke: Invoke) -> None:
    assert failure(await invoke(ApiEndpoint="http://127.0.0.1:1/"))[0] == "States.Http.Socket"


async def test_an_answer_that_takes_too_long_is_an_error_of_the_socket(
    api: Api, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = await Targets(["127.0.0.1"]).find(api.url)
    monkeypatch.setattr(client, "_send", _never)
    with pytest.raises(client.NoAnswer, match=r"no answer within 0\.01 seconds"):
        await client.send(client.HttpRequest("GET", api.url, ()), target, 0.01)


async def _never(*_: object) -> None:
    import asyncio

    await asyncio.Event().wait()


# -- what is sent


async def test_method_query_headers_and_body_are_the_tasks(api: Api, invoke: Invoke) -> None:
    await invoke(
        Method="PATCH",
        ApiEndpoint=f"{api.url}/orders/a b?x=1",
        QueryParameters={"page": 2, "tag": ["a", "b c"]},
        Headers={"X-Trace": "abc", "Content-Type": "application/merge-patch+json"},
        RequestBody={"a": [1, "ü"]},
    )
    got = api.got[0]
    assert (got.method, got.path) == ("PATCH", "/orders/a%20b")
    assert got.query == [("x", "1"), ("page", "2"), ("tag", "a"), ("tag", "b c")]
    assert (got.headers["X-Trace"], got.headers["Content-Type"]) == ("abc", "application/merge-patch+json")
    assert got.headers["User-Agent"] == "Amazon|StepFunctions|HttpInvoke|us-east-1"
    assert json.loads(got.body) == {"a": [1, "ü"]}


@pytest.mark.parametrize(
    ("type", "body", "sent"),
    [
        (None, {"a": 1}, '{"a":1}'),
        (None, "text", '"text"'),
        ("text/plain", "text", "text"),
        ("application/xml", "<a/>", "<a/>"),
        (None, None, ""),
    ],
)
async def test_a_body_is_json_but_for_a_text_of_another_type(
    api: Api, invoke: Invoke, type: str | None, body: object, sent: str
) -> None:
    await invoke(RequestBody=body, Headers={} if type is None else {"Content-Type": type})
    assert api.got[0].body == sent
    expected = None if body is None else type or "application/json;charset=UTF-8"
    assert api.got[0].headers.get("Content-Type") == expected


async def test_a_body_is_url_encoded_where_the_task_says_so(api: Api, invoke: Invoke) -> None:
    options = {"RequestBodyEncoding": "URL_ENCODED", "RequestEncodingOptions": {"ArrayFormat": "BRACKETS"}}
    await invoke(RequestBody={"a": ["b", "c"], "d": {"e": 1}}, Transform=options)
    assert api.got[0].body == "a[]=b&a[]=c&d[e]=1"
    assert api.got[0].headers["Content-Type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"ApiEndpoint": None}, "The field 'ApiEndpoint' is required but was missing"),
        ({"Method": None}, "The field 'Method' is required but was missing"),
        ({"Authentication": None}, "The field 'ConnectionArn' is required but was missing"),
        ({"Method": "TRACE"}, "The value for the field 'Method' must be one of"),
        ({"Method": 1}, "The value for the field 'Method' must be a STRING"),
        ({"Url": "x"}, "The field 'Url' is not supported by Step Functions"),
        ({"Headers": "x"}, "The value for the field 'Headers' must be an OBJECT"),
        ({"Headers": {"Host": "x"}}, "The header 'Host' cannot be set"),
        ({"Headers": {"X-Amz-Date": "x"}}, "The header 'X-Amz-Date' cannot be set"),
        ({"Headers": {"X-Forwarded-For": "x"}}, "The header 'X-Forwarded-For' cannot be set"),
        ({"Headers": {"X-A": "a\r\nX-B: b"}}, "Illegal header value"),
        ({"Transform": {"RequestBodyEncoding": "XML"}}, "must be one of NONE, URL_ENCODED"),
        ({"RequestBody": [1], "Transform": {"RequestBodyEncoding": "URL_ENCODED"}}, "only an object can be"),
        ({"ApiEndpoint": "orders"}, "is no address that begins with https://"),
    ],
)
async def test_parameters_that_cannot_be_used_fail_the_task(
    api: Api, invoke: Invoke, given: dict[str, Any], reason: str
) -> None:
    error, cause = failure(await invoke(**given))
    assert error == "States.Runtime"
    assert reason in cause
    assert api.got == []


async def test_a_target_inside_is_refused_unless_it_is_named(api: Api, invoke: Invoke, connections: Known) -> None:
    error, cause = failure(await invoke(HttpInvoke(connections, Targets([]))))
    assert error == "Stepwell.HostNotAllowed"
    assert "http_allowed_hosts" in cause
    assert api.got == []


async def test_the_host_is_the_one_of_the_address(api: Api, invoke: Invoke, connections: Known) -> None:
    async def resolve(host: str, port: int) -> tuple[str, ...]:
        return ("127.0.0.1",)

    integration = HttpInvoke(connections, Targets(["all"], resolve))
    for host, named in (
        ("api.example", "api.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("[::1]", "[::1]"),
    ):
        await invoke(integration, ApiEndpoint=f"http://{host}:{api.port}/")
        assert api.got[-1].headers["Host"] == f"{named}:{api.port}"


# -- connections


async def test_a_connection_that_is_not_there_fails_the_task(invoke: Invoke) -> None:
    error, _ = failure(await invoke(Authentication={"ConnectionArn": f"{ARN}0"}))
    assert error == "Events.ConnectionResource.ResourceNotFound"


async def test_basic_credentials_are_sent(api: Api, invoke: Invoke) -> None:
    await invoke()
    assert api.got[0].headers["Authorization"] == "Basic " + base64.b64encode(b"me:password-of-mine").decode()


async def test_what_a_connection_adds_goes_before_what_the_task_says(
    api: Api, invoke: Invoke, connections: Known
) -> None:
    connections.connections[ARN] = Connection(
        arn=ARN,
        version="1",
        authorization=ApiKey("X-Api-Key", "key-of-the-vendor"),
        parameters=Parameters(
            headers=(Parameter("X-Tenant", "ours"),),
            query=(Parameter("version", "2"),),
            body=(Parameter("token", "body-secret", True),),
        ),
    )
    await invoke(
        Headers={"x-api-key": "mine", "x-tenant": "theirs", "X-Other": "kept"},
        QueryParameters={"version": "1", "page": "1"},
        RequestBody={"token": "none", "a": 1},
    )
    got = api.got[0]
    assert (got.headers["X-Api-Key"], got.headers["X-Tenant"], got.headers["X-Other"]) == (
        "key-of-the-vendor",
        "ours",
        "kept",
    )
    assert got.query == [("version", "2"), ("page", "1")]
    assert json.loads(got.body) == {"token": "body-secret", "a": 1}


class Issuer:
    """Answers as the endpoint that issues tokens, and as the API that takes them."""

    def __init__(self, lifetime: int = 3600) -> None:
        self.issued = 0
        self.lifetime = lifetime
        self.refused: set[str] = set()

    def __call__(self, got: Got) -> Reply:
        kind = {"Content-Type": "application/json"}
        if got.path == "/token":
            self.issued += 1
            token = {"access_token": f"token-number-{self.issued}", "expires_in": self.lifetime}
            return 200, kind, json.dumps(token).encode()
        given = got.headers.get("Authorization", "")
        return (401 if given in self.refused else 200), kind, json.dumps({"you sent": given}).encode()


@pytest.fixture
def oauth(api: Api, connections: Known) -> Issuer:
    more = Parameters(body=(Parameter("scope", "orders"),))
    authorization = OAuth(f"{api.url}/token", "POST", "client", "secret-of-the-client", more)
    connections.connections[ARN] = Connection(arn=ARN, version="1", authorization=authorization)
    issuer = Issuer()
    api.reply = issuer
    return issuer


async def test_a_token_is_fetched_once_and_kept(api: Api, invoke: Invoke, oauth: Issuer) -> None:
    for _ in range(2):
        assert isinstance(await invoke(), Succeeded)
    token, *calls = api.got
    assert (token.path, token.headers["Content-Type"]) == ("/token", "application/x-www-form-urlencoded")
    assert (
        token.body == "grant_type=client_credentials&client_id=client&client_secret=secret-of-the-client&scope=orders"
    )
    assert [call.headers["Authorization"] for call in calls] == ["Bearer token-number-1"] * 2


async def test_a_token_that_the_api_refuses_is_fetched_anew_once(api: Api, invoke: Invoke, oauth: Issuer) -> None:
    oauth.refused = {"Bearer token-number-1"}
    assert isinstance(await invoke(), Succeeded)
    oauth.refused = {f"Bearer token-number-{n}" for n in range(1, 9)}
    assert failure(await invoke())[0] == "States.Http.StatusCode.401"
    assert oauth.issued == 3


async def test_a_token_that_has_run_out_is_fetched_anew(api: Api, invoke: Invoke, oauth: Issuer) -> None:
    oauth.lifetime = 0
    for _ in range(2):
        await invoke()
    assert oauth.issued == 2


async def test_a_token_goes_with_the_version_of_its_connection(
    invoke: Invoke, connections: Known, oauth: Issuer
) -> None:
    await invoke()
    connections.connections[ARN] = dataclasses.replace(connections.connections[ARN], version="2")
    await invoke()
    assert oauth.issued == 2


async def test_an_issuer_that_refuses_makes_the_connection_unusable(api: Api, invoke: Invoke, oauth: Issuer) -> None:
    api.answer({"error": "bad client secret-of-the-client"}, 400)
    error, cause = failure(await invoke())
    assert error == "Events.ConnectionResource.InvalidConnectionState"
    assert "secret-of-the-client" not in cause


# -- secrets


@pytest.mark.parametrize("status", [200, 403])
async def test_a_secret_that_the_api_echoes_does_not_come_back(
    api: Api, invoke: Invoke, oauth: Issuer, status: int
) -> None:
    def echo(got: Got) -> Reply:
        if got.path == "/token":
            return oauth(got)
        said = f"{got.headers['Authorization']} {base64.b64encode(b'secret-of-the-client').decode()}"
        return status, {"Content-Type": "text/plain", "X-Echo": got.headers["Authorization"]}, said.encode()

    api.reply = echo
    outcome = await invoke()
    assert isinstance(outcome, Succeeded | Failed)
    text = outcome.output if isinstance(outcome, Succeeded) else outcome.cause or ""
    assert "token-number" not in text
    assert base64.b64encode(b"secret-of-the-client").decode() not in text
    assert "Bearer ***" in text


def test_the_text_of_a_connection_shows_no_secret() -> None:
    parameters = Parameters(headers=(Parameter("k", "secret-header", True),))
    for authorization in (
        ApiKey("k", "secret-key"),
        OAuth("https://x", "POST", "id", "secret-client", parameters),
    ):
        connection = Connection(arn=ARN, version="1", authorization=authorization, parameters=parameters)
        assert "secret" not in repr(connection).replace("secret=True", "").replace("secret=False", "")


# -- TLS


async def test_the_certificate_has_to_be_the_names_and_the_connection_goes_to_the_checked_address(
    api: Api,
    invoke: Invoke,
    connections: Known,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tls: Callable[..., int],
) -> None:
    port = tls("api.example")

    async def resolve(host: str, port: int) -> tuple[str, ...]:
        return ("127.0.0.1",)

    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    client._tls.cache_clear()
    integration = HttpInvoke(connections, Targets(["api.example", "other.example"], resolve))
    good = await invoke(integration, ApiEndpoint=f"https://api.example:{port}/", Method="GET")
    assert result(good)["ResponseBody"] == "over TLS"
    error, cause = failure(await invoke(integration, ApiEndpoint=f"https://other.example:{port}/", Method="GET"))
    assert error == "States.Http.Socket"
    assert "certificate" in cause.lower()
    client._tls.cache_clear()


@pytest.fixture
def tls(tmp_path: Path) -> Callable[..., int]:
    """`tls("api.example")`: the port of a server with a certificate for that name, which is in `cert.pem`."""
    import socket
    import threading

    def start(name: str) -> int:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        (tmp_path / "cert.pem").write_bytes(pem)
        none = serialization.NoEncryption()
        secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, none)
        (tmp_path / "both.pem").write_bytes(pem + secret)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "both.pem")
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(PATIENCE)

        def serve() -> None:
            answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\nover TLS"
            for _ in range(2):
                try:
                    raw, _address = listener.accept()
                    raw.settimeout(PATIENCE)
                    with context.wrap_socket(raw, server_side=True) as stream:
                        stream.recv(65536)
                        stream.sendall(answer)
                except OSError:
                    continue
            listener.close()

        threading.Thread(target=serve, daemon=True).start()
        port: int = listener.getsockname()[1]
        return port

    return start


async def test_the_trace_of_a_task_is_handed_on_unless_the_state_sets_one(api: Api, invoke: Invoke) -> None:
    line = Trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", True, state="vendor=1").encode()
    await invoke(trace=line)
    await invoke(trace=line, Headers={"traceparent": "mine"})
    first, second = [{name.lower(): value for name, value in got.headers.items()} for got in api.got]
    assert first["traceparent"] == "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert (first["tracestate"], second["traceparent"]) == ("vendor=1", "mine")
