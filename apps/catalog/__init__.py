"""The catalog app: poll an outside API until a resource is ready, then record it.

`stepwell serve apps.catalog:app` serves its HTTP routes, its state machine and its functions on one port.
"""

from __future__ import annotations

from apps.catalog.handlers import check_catalog_status, refresh_vendor_token, update_catalog_db
from stepwell import Stepwell

app = Stepwell()
app.function("CheckCatalogStatus", timeout=30, concurrency=100)(check_catalog_status)
app.function("UpdateCatalogDB", timeout=30)(update_catalog_db)
app.function("RefreshVendorToken", timeout=30)(refresh_vendor_token)
app.machine(
    "catalog.asl.json",
    name="CatalogStatusPollerStateMachine",
    # Both are sealed when a poll starts; before the token expires, the function asks for a fresh one.
    tags={"stepwell:sensitive": "jwt_token=RefreshVendorToken refresh_token=RefreshVendorToken"},
)
app.mount("/api", "apps.catalog.api:api")
