"""Houses for the tests: one whose clock is real, one whose clock stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.engine.house import FakeClock, House


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = await House(tmp_path / "store.db").open()
    yield house
    await house.close()


@pytest.fixture
async def still_house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path / "store.db")
    house.clock = FakeClock()
    await house.open()
    yield house
    await house.close()
