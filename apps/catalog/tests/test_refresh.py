"""A poll that is longer than its token's life, with the app's own functions and a real vendor, in virtual time."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from apps.catalog.database import create_catalog, find_catalog
from apps.catalog.tests.conftest import CLIENT, RunningVendor
from apps.catalog.vendor_client import Build, Vendor
from stepwell.testing import run
from tests.patience import PATIENCE

LIFE, BUILD = 300, 40 * 60  # seconds of a token and of a build


def begin(vendor: RunningVendor, name: str) -> tuple[str, str]:
    """Have a catalog built for a user; the user's token and one to refresh it with."""
    token = vendor.token(LIFE)
    with httpx.Client(base_url=vendor.url, timeout=PATIENCE) as http:
        headers = {"Authorization": f"Bearer {token}"}
        http.post("/api/v1/catalogs", params={"apply": "true"}, json={"name": name}, headers=headers).raise_for_status()
        grant = {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token": token}
        answer = http.post("/oauth/token", data=grant, auth=CLIENT).raise_for_status().json()
    return token, str(answer["refresh_token"])


def test_it_goes_on_with_fresh_tokens_and_none_stands_in_its_history(
    vendor: RunningVendor, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[str] = []

    async def status(session: Vendor, name: str, token: str) -> Build:
        used.append(token)
        vendor.clock.seconds += 20  # the vendor's clock goes as the poll's does
        return await asked(session, name, token)

    asked = Vendor.status
    monkeypatch.setattr(Vendor, "status", status)
    vendor.server.behaviour.build_seconds = BUILD
    token, refresh_token = begin(vendor, "books")
    row = create_catalog(database, "books")

    result = run(
        "CatalogStatusPollerStateMachine",
        {
            "catalog_name": "books",
            "catalog_id": row["catalog_id"],
            "jwt_token": token,
            "refresh_token": refresh_token,
        },
        app="apps.catalog:app",
        seconds=PATIENCE,
    )

    result.assert_succeeded()
    assert result.duration == BUILD - 20
    assert len(used) == BUILD // 20
    assert used[:12] == [token] * 12  # until its last minute
    assert len(set(used)) == 2
    assert token not in used[12:]
    recorded = find_catalog(database, "books")
    assert recorded is not None
    assert recorded["knowledge_base_id"] == "kb-books"
    told = json.dumps(list(result.events), default=str)
    assert [token for token in {*used, refresh_token, CLIENT[1]} if token in told] == []
