"""The two functions of the state machine, as AWS Lambda would run them: `handler(event, context)`.

Rules that must stay true here:
- `event["jwt_token"]` is a reference. The token behind it is opened here, used, and forgotten; it is never logged,
  returned, or put into an error.
- Each may run twice: a check only reads, and writing the same ids again changes nothing.
"""

from __future__ import annotations

import logging
from typing import TypedDict

from apps.catalog import database
from apps.catalog.settings import Settings
from apps.catalog.tokens import SealedTokens
from apps.catalog.vendor_client import Build, TokenRejected, Vendor, vendor

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
    jwt_token: str


async def check_catalog_status(event: CheckEvent, _context: object) -> Check:
    """Ask the vendor once how far a catalog is. Raises VendorError, TokenUnavailable: a failed check."""
    settings = Settings.from_environment()
    async with vendor(settings) as session:
        build = await _status(session, SealedTokens(settings.tokens, settings.token_key_file), event)
    log.info(
        "catalog %s, check %d: %s", event["catalog_name"], event["attempt"], "ready" if build.ready else "not ready"
    )
    return Check(
        attempt=event["attempt"],
        ready=build.ready,
        kb_name=build.kb_name,
        data_source_name=build.data_source_name,
    )


async def _status(session: Vendor, sealed: SealedTokens, event: CheckEvent) -> Build:
    """The build's status; a token that has expired is refreshed, kept, and the question asked again."""
    name, reference = event["catalog_name"], event["jwt_token"]
    tokens = sealed.open_tokens(reference)
    try:
        return await session.status(name, tokens.access)
    except TokenRejected:
        if tokens.refresh is None:
            raise
        tokens = await session.refresh(tokens.refresh)
        sealed.seal(reference, tokens)
        log.info("catalog %s, check %d: token refreshed", name, event["attempt"])
        return await session.status(name, tokens.access)


def update_catalog_db(event: UpdateEvent, _context: object) -> database.CatalogRow:
    """Write the ids into the row and destroy the token. Raises CatalogNotFound, sqlite3.Error."""
    settings = Settings.from_environment()
    row = database.record_ids(settings.database, event["catalog_id"], event["kb_name"], event["data_source_name"])
    SealedTokens(settings.tokens, settings.token_key_file).forget(event["jwt_token"])
    log.info("catalog %s: recorded", row["catalog_name"])
    return row
