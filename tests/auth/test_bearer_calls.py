"""Bearer tokens over HTTP: which door takes them, and how callers are refused."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from stepwell.api.doors import doors
from stepwell.auth.table import AuthTable, IssuerTable
from tests.auth.conftest import Guarded, serve_guarded
from tests.auth.issuer import Issuer, issuing
from tests.patience import PATIENCE

OPS, LOOKER = "a-token-of-the-operators", "a-token-of-who-may-look"


def asked(server: Guarded, path: str, token: str | None = None, method: str = "GET", **headers: str) -> httpx.Response:
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    return httpx.request(method, server.url + path, headers=headers, timeout=PATIENCE)


def test_health_is_open(server: Guarded) -> None:
    assert asked(server, "/health").json() == {"status": "ok"}


@pytest.mark.parametrize("path", ["/jobs/1", "/logs", "/guarded/x"])
def test_a_known_token_goes_through_as_its_caller(server: Guarded, path: str) -> None:
    assert asked(server, path, OPS).json() == {"name": "ops", "role": "full", "how": "token"}


def test_without_a_token_the_challenge_says_what_is_needed(server: Guarded) -> None:
    answer = asked(server, "/jobs/1")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="stepwell"')
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "A bearer token is needed: send it as 'Authorization: Bearer TOKEN'",
    }


def test_an_unknown_token_is_told_so_and_nothing_more(server: Guarded) -> None:
    answer = asked(server, "/jobs/1", "some-other-token")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == (
        'Bearer realm="stepwell", error="invalid_token", error_description="The token is not known here"'
    )


def test_who_may_only_read_may_not_start_a_job(server: Guarded) -> None:
    assert asked(server, "/jobs/1", LOOKER).status_code == 200
    answer = asked(server, "/jobs/1", LOOKER, "POST")
    assert (answer.status_code, answer.json()["detail"]) == (403, "'looker' may only read")
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


def test_an_app_guards_its_own_mounts_unless_it_asks_the_server_to(server: Guarded) -> None:
    assert asked(server, "/own/x").json() == {"name": "a stranger", "role": "read-only", "how": "nobody asked"}
    assert asked(server, "/guarded/x").status_code == 401


@pytest.mark.parametrize("path", ["/jobs", "/nothing", "/", "//jobs/1", "/guarded", "/express", "/health/x", "/ready/"])
def test_a_path_that_nobody_has_named_asks_for_a_credential(server: Guarded, path: str) -> None:
    assert asked(server, path).status_code == 401


def test_the_lambda_api_takes_no_bearer_token(server: Guarded) -> None:
    answer = asked(server, "/2015-03-31/functions", OPS)
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (403, "IncompleteSignatureException")


def test_a_preflight_needs_no_token(server: Guarded) -> None:
    headers = {"origin": "https://app.example", "access-control-request-method": "POST"}
    assert asked(server, "/jobs/1", method="OPTIONS", **headers).status_code == 200
    assert asked(server, "/jobs/1", method="OPTIONS").status_code == 401


def test_a_foreign_host_is_refused_before_anybody_is_asked(server: Guarded) -> None:
    assert asked(server, "/jobs/1", OPS, host="evil.example").status_code == 403


# -- JSON Web Tokens


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as found:
        yield found


@pytest.fixture(scope="module")
def oidc(issuer: Issuer) -> Iterator[Guarded]:
    table = IssuerTable(issuer.url, "app", roles_claim="scope", full=("jobs.write",), read_only=("jobs.read",))
    yield from serve_guarded(AuthTable(issuers={"login": table}))


def test_a_json_web_token_goes_through_as_its_subject(oidc: Guarded, issuer: Issuer) -> None:
    answer = asked(oidc, "/jobs/1", issuer.token(scope="jobs.write"), "POST")
    assert answer.json() == {"name": "u-1", "role": "full", "how": "jwt"}


def test_an_expired_token_is_told_so_that_a_client_renews_it(oidc: Guarded, issuer: Issuer) -> None:
    answer = asked(oidc, "/jobs/1", issuer.token(exp=1))
    assert (answer.status_code, answer.json()["detail"]) == (401, "The token has expired")
    assert 'error_description="The token has expired"' in answer.headers["www-authenticate"]


def test_a_token_without_a_role_is_forbidden(oidc: Guarded, issuer: Issuer) -> None:
    assert asked(oidc, "/jobs/1", issuer.token()).status_code == 403
    assert asked(oidc, "/jobs/1", issuer.token(scope="jobs.read"), "POST").status_code == 403


def test_an_app_at_the_root_opens_no_route_of_the_server_itself() -> None:
    find = doors({"": False, "/trends": False}, ["/new/{id}", "/trends", "/logs", "/jobs/{name}"])

    def credential(path: str) -> str:
        return find({"path": path, "method": "GET"}, b"").credential

    assert [credential(path) for path in ("/new", "/new/1", "/logs")] == ["either"] * 3
    assert credential("/jobs/1") == "bearer"
    assert credential("/console") == "none"  # the server has no console here, and the app may have one
    assert [credential(path) for path in ("/", "/of-the-app", "/trends")] == ["none", "none", "none"]
