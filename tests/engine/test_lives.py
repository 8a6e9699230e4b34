"""Lives of engines that crash: what the tests of crash safety rest on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.engine.lives import Life, live
from tests.engine.test_map_run import PASS


def test_a_process_may_die_while_it_is_being_stopped(tmp_path: Path) -> None:
    """The last thing that the life has asked for is on its way to the disk when the engine is told to stop."""
    starting: set[asyncio.Future[str]] = set()

    async def life(here: Life) -> None:
        await here.create("P", PASS)
        starting.add(asyncio.ensure_future(here.start("P", "p")))
        async with asyncio.timeout(10):
            while not here.engine.committer.waiting:  # noqa: ASYNC110  # not a moment later
                await asyncio.sleep(0)

    assert not live(tmp_path / "s.db", life, commits=1, seconds=10)

    async def after(here: Life) -> None:
        (row,) = await here.executions("P")
        assert row.change.status == "SUCCEEDED"

    assert live(tmp_path / "s.db", after)


def test_a_life_that_does_not_end_fails_with_what_it_waits_for(tmp_path: Path) -> None:
    async def life(here: Life) -> None:
        await asyncio.Event().wait()

    with pytest.raises(AssertionError, match=r"after 0.05 s it still waits:\n(.*\n)*.*whole\(\)"):
        live(tmp_path / "s.db", life, seconds=0.05)
