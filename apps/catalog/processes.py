"""The app and the vendor as processes: what they need in their environment."""

from __future__ import annotations

import secrets
from pathlib import Path

MACHINE_ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:CatalogStatusPollerStateMachine"


def app_environment(folder: Path, url: str, vendor_url: str) -> dict[str, str]:
    """The variables of the app and the vendor, with keys made up for this run. `url` is the server's own."""
    jwt_key, client_secret = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    return {
        "CATALOG_DATABASE": str(folder / "catalog.db"),
        "CATALOG_JWT_KEY": jwt_key,
        "CATALOG_POLLER_STEP_FUNCTION_ARN": MACHINE_ARN,
        "VENDOR_URL": vendor_url,
        "VENDOR_CLIENT_ID": "catalog-app",
        "VENDOR_CLIENT_SECRET": client_secret,
        "VENDOR_JWT_KEY": jwt_key,
        "AWS_ENDPOINT_URL_SFN": url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "stepwell",
        "AWS_SECRET_ACCESS_KEY": "stepwell",
    }
