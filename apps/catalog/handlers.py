"""The functions of the app, as AWS Lambda would run them: `handler(event, context)`.

Rules that must stay true here:
- `event["jwt_token"]` is the token itself, given to this call only: elsewhere a reference stands for it. It is used and
  forgotten; it is never logged, returned, or put into an error.
- Each may run twice: a check only reads, and writing the same ids again changes nothing.
"""

from __future__ import annotations

import logging
from typing import TypedDict

from apps.catalog import database
from apps.catalog.settings import Settings
from apps.catalog.vendor_client import vendor

log = logging.getLogger(__name__)
log.setLevel(logging.INFO)  # as on AWS Lambda: the runtime shows warnings only, unless told


class CheckEvent(TypedDict):
    """What `CheckCatalogStatus` is given; `attempt` counts the checks from 1."""

    catalog_name: str
    jwt_token: str
    attempt: int


class Check(TypedDict):
    """What one check found; the names are empty while the vendor is building."""

    attempt: int
    ready: bool
    kb_name: str
    data_source_name: str


class UpdateEvent(TypedDict):
    """What `UpdateCatalogDB` is given."""

    catalog_id: str
    kb_name: str
    data_source_name: str


class RefreshEvent(TypedDict):
    """What `RefreshVendorToken` is given: the token, and all secrets that name the function, by their paths."""

    value: str
    values: dict[str, str]
    execution: str


class Fresh(TypedDict):
    """What takes the place of the secrets."""

    value: str
    values: dict[str, str]


async def check_catalog_status(event: CheckEvent, _context: object) -> Check:
    """Ask the vendor once how far a catalog is. Raises VendorError: a failed check."""
    async with vendor(Settings.from_environment()) as session:
        build = await session.status(event["catalog_name"], event["jwt_token"])
    log.info(
        "catalog %s, check %d: %s", event["catalog_name"], event["attempt"], "ready" if build.ready else "not ready"
    )
    return Check(
        attempt=event["attempt"],
        ready=build.ready,
        kb_name=build.kb_name,
        data_source_name=build.data_source_name,
    )


async def refresh_vendor_token(event: RefreshEvent, _context: object) -> Fresh:
    """A token that lives on, in place of one that is about to expire, and the refresh token for the next time.

    Where the vendor gave no refresh token, the old one serves until its end. Raises VendorError.
    """
    refresh_token = event["values"].get("$.refresh_token")
    if not refresh_token:
        return Fresh(value=event["value"], values={})
    async with vendor(Settings.from_environment()) as session:
        tokens = await session.refresh(refresh_token)
    log.info("token refreshed for %s", event["execution"])
    return Fresh(value=tokens.access, values={"$.refresh_token": tokens.refresh or refresh_token})


def update_catalog_db(event: UpdateEvent, _context: object) -> database.CatalogRow:
    """Write the ids into the row. Raises CatalogNotFound, sqlite3.Error."""
    settings = Settings.from_environment()
    row = database.record_ids(settings.database, event["catalog_id"], event["kb_name"], event["data_source_name"])
    log.info("catalog %s: recorded", row["catalog_name"])
    return row
