"""Work that blocks: as many pieces at once as are allowed, and none that is waited for in vain."""

import asyncio
import threading

import pytest

from stepwell.tasks.threads import Threads
from tests.patience import PATIENCE


async def test_what_the_work_returns_or_raises_is_told():
    threads = Threads(1)
    assert await threads.run(lambda: 1) == 1
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)


async def test_no_more_run_at_once_than_are_allowed():
    threads, running, most, lock = Threads(2), 0, 0, threading.Lock()
    both = threading.Barrier(2)

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        both.wait(PATIENCE)
        with lock:
            running -= 1

    await asyncio.gather(*(threads.run(work) for _ in range(6)))
    assert most == 2


async def test_work_that_is_no_longer_waited_for_keeps_its_place_until_it_ends():
    threads, go = Threads(1), threading.Event()
    first = asyncio.ensure_future(threads.run(lambda: go.wait(PATIENCE)))
    await asyncio.sleep(0)
    first.cancel()
    second = asyncio.ensure_future(threads.run(lambda: "second"))
    done, _ = await asyncio.wait({second}, timeout=0.05)
    assert not done
    go.set()
    assert await second == "second"
