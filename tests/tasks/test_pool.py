"""Processes and the calls that they run."""

import asyncio
import json
import os

import pytest

from tests.patience import PATIENCE, come
from tests.tasks.waiting import alive, written


async def result(service, event="null"):
    answer = (await service.invoke("f", event)).answer
    assert answer.error is None, answer.payload
    return json.loads(answer.payload)


async def test_a_handler_runs_in_another_process_that_is_kept_and_used_again(serve):
    service = serve("plain:process", concurrency=2)
    pids = {await result(service) for _ in range(5)}
    assert len(pids) == 1
    assert os.getpid() not in pids
    assert service.pids() == tuple(pids)


async def test_an_attribute_of_a_class_can_be_a_handler(serve):
    assert await result(serve("plain:Greeter.greet"), '"Ada"') == "Hello, Ada!"


async def test_whole_numbers_of_any_size_and_any_text_come_back_as_they_went(serve):
    event = {"n": 2**70, "f": 0.1, "s": "Größe \u2028 \U0001f600", "empty": [{}, [], None, True]}
    assert await result(serve("plain:echo"), json.dumps(event)) == event


async def test_large_events_and_results_fit(serve):
    event = json.dumps("x" * 1_000_000)
    assert (await serve("plain:echo").invoke("f", event)).answer.payload == event


async def test_plain_calls_run_at_once_in_as_many_processes_as_the_concurrency_allows(serve, tmp_path):
    service = serve("plain:waits_for", concurrency=2)
    until = tmp_path / "until"
    events = [json.dumps({"running": str(tmp_path / name), "until": str(until)}) for name in "abc"]
    calls = [asyncio.ensure_future(result(service, event)) for event in events]
    await asyncio.gather(written(tmp_path / "a"), written(tmp_path / "b"))
    assert len(service.pids()) == 2
    assert not (tmp_path / "c").exists()
    until.touch()
    assert len(set(await asyncio.gather(*calls))) == 2


async def test_calls_beyond_the_concurrency_start_in_the_order_in_which_they_came(serve, tmp_path):
    service = serve("plain:notes", concurrency=1)
    events = [json.dumps({"file": str(tmp_path / "notes"), "text": n}) for n in range(20)]
    await asyncio.gather(*(service.invoke("f", event) for event in events))
    assert (tmp_path / "notes").read_text().split() == [str(n) for n in range(20)]


async def test_thousands_of_calls_through_two_processes_are_each_answered_once(serve):
    service = serve("plain:echo", concurrency=2)
    answers = await asyncio.gather(*(result(service, str(n)) for n in range(2000)))
    assert answers == list(range(2000))
    assert len(service.pids()) == 2


async def test_coroutines_share_one_process(serve):
    service = serve("coroutines:meets", concurrency=10)
    assert len(set(await asyncio.gather(*(result(service, "10") for _ in range(10))))) == 1


async def test_no_more_coroutines_than_the_concurrency_run_at_once(serve):
    service = serve("coroutines:most_at_once", concurrency=3)
    assert max(await asyncio.gather(*(result(service) for _ in range(9)))) == 3


async def test_a_plain_call_that_runs_over_is_killed_and_its_process_replaced(serve, tmp_path):
    service = serve("plain:busy", timeout=0.1, concurrency=1)
    killed = set()
    for _ in range(2):
        call = asyncio.ensure_future(service.invoke("f", json.dumps(str(tmp_path / "pid"))))
        (pid,) = await come(lambda: set(service.pids()) - killed)
        assert (await call).answer.error == "Sandbox.Timedout"
        await come(lambda pid=pid: not alive(pid))
        killed.add(pid)


async def test_a_coroutine_that_runs_over_is_cancelled_and_its_process_goes_on(serve, tmp_path, monkeypatch):
    monkeypatch.setattr("stepwell.tasks.pool._CANCEL_TIME", PATIENCE)
    service = serve("coroutines:forever", timeout=0.1, concurrency=4)
    await service.invoke("f", json.dumps(str(tmp_path / "before")))
    before = service.pids()

    async def runs_over_and_is_cancelled() -> bool:
        reply = await service.invoke("f", json.dumps(str(tmp_path / "state")))
        assert reply.answer.error == "Sandbox.Timedout"
        return (tmp_path / "state").exists() and (tmp_path / "state").read_text() == "cancelled"

    await come(runs_over_and_is_cancelled)  # the first may run over before it has begun
    assert service.pids() == before


async def test_a_coroutine_that_does_not_yield_is_killed(serve, monkeypatch):
    monkeypatch.setattr("stepwell.tasks.pool._CANCEL_TIME", 0.05)
    service = serve("coroutines:blocks", timeout=0.05)
    assert (await service.invoke("f", "null")).answer.error == "Sandbox.Timedout"
    (pid,) = service.pids()
    await come(lambda: not alive(pid))


async def test_cancelling_a_plain_call_kills_what_runs_for_it(serve, tmp_path):
    service = serve("plain:busy")
    call = asyncio.ensure_future(service.invoke("f", json.dumps(str(tmp_path / "pid"))))
    pid = int(await written(tmp_path / "pid"))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await come(lambda: not alive(pid))


async def test_cancelling_a_coroutine_lets_it_clean_up(serve, tmp_path):
    service = serve("coroutines:forever")
    call = asyncio.ensure_future(service.invoke("f", json.dumps(str(tmp_path / "state"))))
    await written(tmp_path / "state")
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await come(lambda: (tmp_path / "state").read_text() == "cancelled")


async def test_a_call_that_is_cancelled_while_it_waits_never_starts(serve, tmp_path):
    service = serve("plain:waits_for", concurrency=1)
    first = {"running": str(tmp_path / "a"), "until": str(tmp_path / "until")}
    second = {"running": str(tmp_path / "b"), "until": str(tmp_path / "until")}
    running = asyncio.ensure_future(result(service, json.dumps(first)))
    await written(tmp_path / "a")
    waiting = asyncio.ensure_future(result(service, json.dumps(second)))
    await asyncio.sleep(0)
    waiting.cancel()
    (tmp_path / "until").touch()
    await running
    await result(service, json.dumps({**first, "running": str(tmp_path / "c")}))
    assert not (tmp_path / "b").exists()


async def test_what_a_handler_has_started_ends_with_its_process(serve, tmp_path):
    service = serve("plain:starts_a_child")
    call = asyncio.ensure_future(service.invoke("f", json.dumps(str(tmp_path / "pid"))))
    child = int(await written(tmp_path / "pid"))
    call.cancel()
    await come(lambda: not alive(child))


async def test_stop_lets_a_running_call_end_within_the_grace(serve, tmp_path):
    service = serve("plain:waits_for")
    event = {"running": str(tmp_path / "running"), "until": str(tmp_path / "until")}
    call = asyncio.ensure_future(result(service, json.dumps(event)))
    pid = int(await written(tmp_path / "running"))
    stopping = asyncio.ensure_future(service.stop(PATIENCE))
    await asyncio.sleep(0)
    (tmp_path / "until").touch()
    await stopping
    assert await call == pid


async def test_a_call_that_is_stopped_has_no_answer(serve, tmp_path):
    service = serve("plain:busy")
    call = asyncio.ensure_future(service.invoke("f", json.dumps(str(tmp_path / "pid"))))
    pid = int(await written(tmp_path / "pid"))
    await service.stop(0)
    assert not alive(pid)
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_stop_leaves_no_process_and_no_descriptor(serve):
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = descriptors()
    service = serve("plain:echo", concurrency=2)
    await asyncio.gather(*(service.invoke("f", "1") for _ in range(4)))
    pids = service.pids()
    assert pids
    await service.stop(1)
    await asyncio.sleep(0)
    assert service.pids() == ()
    assert not any(alive(pid) for pid in pids)
    assert descriptors() == before


async def test_killed_processes_leave_no_descriptor_behind(serve):
    service = serve("plain:killed", concurrency=1)
    await service.invoke("f", "1")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        await service.invoke("f", "1")
    assert len(os.listdir("/proc/self/fd")) <= before


async def test_a_process_that_cannot_be_started_is_the_services_fault_and_leaves_nothing(serve, monkeypatch):
    def refuse(*arguments, **options):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    service = serve("plain:echo")
    before = len(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as patch:
        patch.setattr("subprocess.Popen", refuse)
        assert (await service.invoke("f", "1")).answer.error == "Lambda.ServiceException"
    assert len(os.listdir("/proc/self/fd")) == before
    assert await result(service, "1") == 1
