"""The two functions against a real vendor: what a check finds, and how it fails."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import httpx
import pytest

from apps.catalog import vendor_client
from apps.catalog.database import CatalogNotFound, create_catalog, find_catalog
from apps.catalog.handlers import CheckEvent, UpdateEvent, check_catalog_status, update_catalog_db
from apps.catalog.tests.conftest import RunningVendor
from apps.catalog.tokens import SealedTokens, Tokens, TokenUnavailable
from apps.catalog.vendor_client import TokenRejected, VendorError

REFERENCE = "token-of-1"
FIRST_CHECK = CheckEvent(catalog_name="books", jwt_token=REFERENCE, attempt=1)


@pytest.fixture
def building(vendor: RunningVendor, sealed: SealedTokens) -> str:
    """A catalog `books` under way, with its caller's token sealed; gives the token."""
    token = vendor.token()
    sealed.seal(REFERENCE, Tokens(token, None))
    httpx.post(
        f"{vendor.url}/api/v1/catalogs",
        params={"apply": "true"},
        json={"name": "books"},
        headers={"Authorization": f"Bearer {token}"},
    ).raise_for_status()
    return token


@pytest.mark.usefixtures("building")
async def test_a_catalog_is_ready_when_both_names_are_there(vendor: RunningVendor) -> None:
    found = []
    for seconds in (0, 30, 60):
        vendor.clock.seconds = seconds
        found.append(await check_catalog_status(FIRST_CHECK, None))
    assert [check["ready"] for check in found] == [False, False, True]
    assert found[1] == {"attempt": 1, "ready": False, "kb_name": "kb-books", "data_source_name": ""}
    assert found[2] == {"attempt": 1, "ready": True, "kb_name": "kb-books", "data_source_name": "ds-books"}


@pytest.mark.usefixtures("building")
@pytest.mark.parametrize("status", [500, 429, 404])
async def test_an_error_of_the_vendor_fails_the_check(vendor: RunningVendor, status: int) -> None:
    vendor.server.behaviour.fail_next = [status]
    with pytest.raises(VendorError, match=f"answered {status}"):
        await check_catalog_status(FIRST_CHECK, None)


@pytest.mark.usefixtures("building")
async def test_a_lost_answer_fails_the_check(vendor: RunningVendor) -> None:
    vendor.server.behaviour.lose_next = 1
    with pytest.raises(VendorError, match="cannot be reached"):
        await check_catalog_status(FIRST_CHECK, None)


@pytest.mark.usefixtures("building")
async def test_a_slow_vendor_fails_the_check_in_time(vendor: RunningVendor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendor_client, "TIMEOUT_SECONDS", 0.05)
    vendor.server.behaviour.delay_seconds = 5
    with pytest.raises(VendorError, match="ReadTimeout"):
        await check_catalog_status(FIRST_CHECK, None)


async def test_a_token_that_expires_is_refreshed_and_the_new_one_kept(
    vendor: RunningVendor, sealed: SealedTokens, building: str
) -> None:
    async with httpx.AsyncClient(base_url=vendor.url) as http:
        lasting = await vendor_client.Vendor(http, ("catalog-app", "a-secret-of-the-app")).exchange(building)
    expired = vendor.token(-1)
    sealed.seal(REFERENCE, Tokens(expired, lasting.refresh))

    check = await check_catalog_status(FIRST_CHECK, None)

    assert check["attempt"] == 1
    kept = sealed.open_tokens(REFERENCE)
    assert kept.access != expired
    assert kept.refresh == lasting.refresh


@pytest.mark.usefixtures("building")
async def test_an_expired_token_that_cannot_be_refreshed_fails_the_check(
    vendor: RunningVendor, sealed: SealedTokens
) -> None:
    sealed.seal(REFERENCE, Tokens(vendor.token(-1), None))
    with pytest.raises(TokenRejected):
        await check_catalog_status(FIRST_CHECK, None)


async def test_no_token_stands_in_a_log_line_an_error_or_a_result(
    vendor: RunningVendor, building: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vendor.server.behaviour.fail_next = [401]
    with pytest.raises(TokenRejected) as caught:
        await check_catalog_status(FIRST_CHECK, None)
    check = await check_catalog_status(FIRST_CHECK, None)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("apps.")]
    assert "catalog books, check 1: not ready" in ours
    assert building not in f"{caplog.text} {caught.value!r} {check}"


def test_the_ids_are_recorded_and_the_token_destroyed(database: Path, sealed: SealedTokens) -> None:
    row = create_catalog(database, "books")
    sealed.seal(REFERENCE, Tokens("access", "refresh"))
    event = UpdateEvent(catalog_id=row["catalog_id"], kb_name="kb", data_source_name="ds", jwt_token=REFERENCE)

    for _ in range(2):  # after a crash it may run again
        update_catalog_db(event, None)

    recorded = find_catalog(database, "books")
    assert recorded is not None
    assert (recorded["knowledge_base_id"], recorded["data_source_id"]) == ("kb", "ds")
    assert recorded["updated_at"] > row["updated_at"]
    with pytest.raises(TokenUnavailable):
        sealed.open_tokens(REFERENCE)


def test_a_write_that_fails_is_an_error(database: Path) -> None:
    event = UpdateEvent(catalog_id="nobody", kb_name="kb", data_source_name="ds", jwt_token=REFERENCE)
    with pytest.raises(CatalogNotFound, match="nobody"):
        update_catalog_db(event, None)
    database.write_bytes(b"this is no database" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        update_catalog_db(event, None)
