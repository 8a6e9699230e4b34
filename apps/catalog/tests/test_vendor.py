"""The stand-in speaks the vendor's protocol, and misbehaves on request."""

from __future__ import annotations

import httpx
import pytest

from apps.catalog.tests.conftest import CLIENT, RunningVendor
from tests.patience import PATIENCE


@pytest.fixture
def http(vendor: RunningVendor) -> httpx.Client:
    """A client with a user's token."""
    return httpx.Client(base_url=vendor.url, headers={"Authorization": f"Bearer {vendor.token()}"}, timeout=PATIENCE)


def create(http: httpx.Client, name: str = "books") -> httpx.Response:
    return http.post("/api/v1/catalogs", params={"apply": "true"}, json={"name": name})


def test_a_catalog_is_built_in_time_and_named_part_by_part(vendor: RunningVendor, http: httpx.Client) -> None:
    created = create(http)
    assert created.status_code == 201
    assert created.json()["status"] == "BUILDING"

    seen = []
    for seconds in (0, 30, 60):
        vendor.clock.seconds = seconds
        catalog = http.get("/api/v1/catalogs/books").json()
        seen.append((catalog["status"], catalog["kb_name"], catalog["data_source_name"]))
    assert seen == [("BUILDING", "", ""), ("BUILDING", "kb-books", ""), ("READY", "kb-books", "ds-books")]


def test_applying_twice_is_the_same_as_once(http: httpx.Client) -> None:
    first, second = create(http), create(http)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]


def test_nothing_is_built_without_apply(http: httpx.Client) -> None:
    assert http.post("/api/v1/catalogs", json={"name": "books"}).json()["status"] == "VALID"
    assert http.get("/api/v1/catalogs/books").status_code == 404


@pytest.mark.parametrize("seconds", [-1, None])
def test_a_token_that_is_expired_or_missing_is_refused(vendor: RunningVendor, seconds: int | None) -> None:
    headers = {} if seconds is None else {"Authorization": f"Bearer {vendor.token(seconds)}"}
    answer = httpx.get(f"{vendor.url}/api/v1/catalogs/books", headers=headers, timeout=PATIENCE)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_only_a_known_client_gets_tokens(vendor: RunningVendor) -> None:
    grant = {"grant_type": "client_credentials"}
    assert (
        httpx.post(f"{vendor.url}/oauth/token", data=grant, auth=("someone", "else"), timeout=PATIENCE).status_code
        == 401
    )
    assert (
        httpx.post(f"{vendor.url}/oauth/token", data=grant, auth=CLIENT, timeout=PATIENCE).json()["token_type"]
        == "Bearer"
    )


def test_it_misbehaves_as_it_is_told(vendor: RunningVendor, http: httpx.Client) -> None:
    assert (
        httpx.put(f"{vendor.url}/control", json={"fail_next": [500, 429], "lose_next": 1}, timeout=PATIENCE).status_code
        == 204
    )
    assert [create(http).status_code for _ in range(2)] == [500, 429]
    with pytest.raises(httpx.RemoteProtocolError):
        create(http)
    assert create(http).status_code == 200  # the answer was lost, the catalog was not
    assert httpx.put(f"{vendor.url}/control", json={"explode": True}, timeout=PATIENCE).status_code == 422
