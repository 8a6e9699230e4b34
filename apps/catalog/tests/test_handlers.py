"""The functions against a real vendor: what a check finds, how it fails, how a token is refreshed."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import httpx
import pytest

from apps.catalog import vendor_client
from apps.catalog.database import CatalogNotFound, create_catalog, find_catalog
from apps.catalog.handlers import (
    CheckEvent,
    RefreshEvent,
    UpdateEvent,
    check_catalog_status,
    refresh_vendor_token,
    update_catalog_db,
)
from apps.catalog.tests.conftest import CLIENT, RunningVendor
from apps.catalog.vendor_client import TokenRejected, VendorError
from tests.patience import PATIENCE


def first_check(token: str) -> CheckEvent:
    return CheckEvent(catalog_name="books", jwt_token=token, attempt=1)


@pytest.fixture
def building(vendor: RunningVendor, database: Path) -> str:
    """A catalog `books` under way; gives its caller's token."""
    token = vendor.token()
    httpx.post(
        f"{vendor.url}/api/v1/catalogs",
        params={"apply": "true"},
        json={"name": "books"},
        headers={"Authorization": f"Bearer {token}"},
        timeout=PATIENCE,
    ).raise_for_status()
    return token


async def test_a_catalog_is_ready_when_both_names_are_there(vendor: RunningVendor, building: str) -> None:
    found = []
    for seconds in (0, 30, 60):
        vendor.clock.seconds = seconds
        found.append(await check_catalog_status(first_check(building), None))
    assert [check["ready"] for check in found] == [False, False, True]
    assert found[1] == {"attempt": 1, "ready": False, "kb_name": "kb-books", "data_source_name": ""}
    assert found[2] == {"attempt": 1, "ready": True, "kb_name": "kb-books", "data_source_name": "ds-books"}


@pytest.mark.parametrize("status", [500, 429, 404])
async def test_an_error_of_the_vendor_fails_the_check(vendor: RunningVendor, building: str, status: int) -> None:
    vendor.server.behaviour.fail_next = [status]
    with pytest.raises(VendorError, match=f"answered {status}"):
        await check_catalog_status(first_check(building), None)


async def test_a_lost_answer_fails_the_check(vendor: RunningVendor, building: str) -> None:
    vendor.server.behaviour.lose_next = 1
    with pytest.raises(VendorError, match="cannot be reached"):
        await check_catalog_status(first_check(building), None)


async def test_a_slow_vendor_fails_the_check_in_time(
    vendor: RunningVendor, building: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vendor_client, "TIMEOUT_SECONDS", 0.05)
    vendor.server.behaviour.delay_seconds = 5
    with pytest.raises(VendorError, match="ReadTimeout"):
        await check_catalog_status(first_check(building), None)


async def test_a_token_is_refreshed_with_what_the_vendor_gave_for_it(vendor: RunningVendor, building: str) -> None:
    async with httpx.AsyncClient(base_url=vendor.url, timeout=PATIENCE) as http:
        lasting = await vendor_client.Vendor(http, CLIENT).exchange(building)
    assert lasting.refresh is not None
    expired = vendor.token(-1)
    event = RefreshEvent(
        value=expired, values={"$.jwt_token": expired, "$.refresh_token": lasting.refresh}, execution="arn"
    )

    fresh = await refresh_vendor_token(event, None)

    assert fresh["values"] == {"$.refresh_token": lasting.refresh}
    assert (await check_catalog_status(first_check(fresh["value"]), None))["attempt"] == 1


async def test_a_token_that_cannot_be_refreshed_serves_until_its_end(vendor: RunningVendor, building: str) -> None:
    event = RefreshEvent(value=building, values={"$.jwt_token": building}, execution="arn")
    assert await refresh_vendor_token(event, None) == {"value": building, "values": {}}
    with pytest.raises(TokenRejected):
        await check_catalog_status(first_check(vendor.token(-1)), None)


async def test_no_token_stands_in_a_log_line_an_error_or_a_result(
    vendor: RunningVendor, building: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vendor.server.behaviour.fail_next = [401]
    with pytest.raises(TokenRejected) as caught:
        await check_catalog_status(first_check(building), None)
    check = await check_catalog_status(first_check(building), None)
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("apps.")]
    assert "catalog books, check 1: not ready" in ours
    assert building not in f"{caplog.text} {caught.value!r} {check}"


def test_the_ids_are_recorded(database: Path) -> None:
    row = create_catalog(database, "books")
    event = UpdateEvent(catalog_id=row["catalog_id"], kb_name="kb", data_source_name="ds")

    for _ in range(2):  # after a crash it may run again
        update_catalog_db(event, None)

    recorded = find_catalog(database, "books")
    assert recorded is not None
    assert (recorded["knowledge_base_id"], recorded["data_source_id"]) == ("kb", "ds")
    assert recorded["updated_at"] > row["updated_at"]


def test_a_write_that_fails_is_an_error(database: Path) -> None:
    event = UpdateEvent(catalog_id="nobody", kb_name="kb", data_source_name="ds")
    with pytest.raises(CatalogNotFound, match="nobody"):
        update_catalog_db(event, None)
    database.write_bytes(b"this is no database" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        update_catalog_db(event, None)
