"""How the catalog app is set up: environment variables, read when they are needed.

Rules that must stay true here:
- The API and the handlers run in processes of their own and share nothing but these variables and the files they name.
- What has no safe default has none: a missing variable is an error that names it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


class NotConfigured(Exception):
    """A variable that is needed is not set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`database` is an SQLite file; `jwt_key` is the issuer's key that signs the callers' tokens; the vendor knows this
    app as `vendor_client` (id and secret)."""

    database: Path
    jwt_key: str
    vendor_url: str
    vendor_client: tuple[str, str]

    @staticmethod
    def from_environment() -> Settings:
        """Raises NotConfigured."""
        return Settings(
            database=Path(os.environ.get("CATALOG_DATABASE", "catalog.db")),
            jwt_key=required("CATALOG_JWT_KEY"),
            vendor_url=required("VENDOR_URL"),
            vendor_client=(required("VENDOR_CLIENT_ID"), required("VENDOR_CLIENT_SECRET")),
        )


def required(name: str) -> str:
    """The value of a variable. Raises NotConfigured when it is not set, or empty."""
    value = os.environ.get(name)
    if not value:
        raise NotConfigured(f"{name} is not set")
    return value
