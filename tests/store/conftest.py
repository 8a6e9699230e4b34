"""The stores that the contract is proven on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stepwell.store.open import open_store
from stepwell.store.protocol import Store


@pytest.fixture(params=["sqlite"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The name of an empty store, one a backend."""
    return {"sqlite": f"sqlite:///{tmp_path}/store.db"}[request.param]


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    opened = await open_store(store_url)
    yield opened
    await opened.close()
