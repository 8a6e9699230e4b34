"""What functions print."""

import asyncio
import json
import logging
import re

import pytest

from stepwell.tasks.call_log import unframed
from stepwell.tasks.kinds.python_callable import PythonCallable
from stepwell.tasks.logs import FunctionLogLine, LineCutter, LogRing
from tests.tasks.conftest import HANDLERS, is_frame


def messages(service, request_id):
    return [line.message for line in service.logs.lines("f") if line.request_id == request_id and not is_frame(line)]


async def test_all_that_a_call_writes_is_told_by_line_under_its_request(serve):
    service = serve("plain:prints")
    reply = await service.invoke("f", "null")
    lines = messages(service, reply.request_id)
    assert len(lines) == 6
    assert {"to standard output", "to standard error", "past Python", "from a thread", "without an end"} < set(lines)
    (logged,) = [line for line in lines if "to the log" in line]
    assert re.fullmatch(rf"\[WARNING\]\t\S+T\S+\.\d\d\dZ\t{reply.request_id}\tto the log", logged)


async def test_what_was_written_before_a_crash_is_not_lost(serve):
    service = serve("plain:crashes")
    reply = await service.invoke("f", "null")
    lines = messages(service, reply.request_id)
    assert lines[:1] == ["before the crash"]
    assert "half a line" in lines
    assert any("Segmentation fault" in line for line in lines)  # Python's own account, written to the bare descriptor


async def test_concurrent_coroutines_write_each_under_its_own_request(serve):
    service = serve("coroutines:prints", concurrency=5)
    replies = await asyncio.gather(*(service.invoke("f", str(n)) for n in range(5)))
    for n, reply in enumerate(replies):
        assert messages(service, reply.request_id) == [f"{n} begins", f"{n} ends"]


async def test_an_error_is_logged_with_its_stack_trace(serve):
    service = serve("plain:raises")
    reply = await service.invoke("f", "null")
    first, second, *_ = messages(service, reply.request_id)
    assert first == "[ERROR] Exception: Some exception was raised."
    assert second == "Traceback (most recent call last):"


async def test_a_timeout_is_logged(serve):
    service = serve("plain:sleeps", timeout=0.05)
    reply = await service.invoke("f", "60")
    assert messages(service, reply.request_id) == [f"{reply.request_id} Task timed out after 0.05 seconds"]


async def test_an_answer_brings_the_end_of_its_log_where_it_is_asked_for(serve):
    service = serve("plain:prints_a_long_line")
    tail = (await service.invoke("f", "5000", tail=True)).answer.log_tail
    assert (len(tail), tail.count(b"x") > 3800, tail[-1:]) == (4096, True, b"\n")
    assert (await service.invoke("f", "5000")).answer.log_tail == b""


def framed(service, request_id):
    """The lines of a call with its frame."""
    return [line.message for line in service.logs.lines("f") if line.request_id == request_id]


@pytest.mark.parametrize(("way", "count"), [("at once", 100_000), ("one by one", 20_000), ("past Python", 100_000)])
async def test_a_turn_of_the_loop_takes_few_lines_however_many_are_printed(functions, lines, way, count):
    service = functions(f=PythonCallable(handler="plain:prints_many_lines", path=(HANDLERS,)))
    call = asyncio.ensure_future(service.invoke("f", json.dumps({"lines": count, "way": way})))
    most = before = 0
    async with asyncio.timeout(120):
        while not call.done():
            await asyncio.sleep(0)
            most, before = max(most, len(lines) - before), len(lines)
    assert (await call).answer.error is None
    assert [int(line.message) for line in lines] == list(range(count))
    assert most < 2048


REPORT = r"REPORT RequestId: {id}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 512 MB\t"


async def test_a_call_is_framed_as_lambda_frames_it(serve):
    service = serve("plain:prints", memory=512, concurrency=1)
    for initialised in (r"Init Duration: \d+\.\d\d ms\t", ""):
        reply = await service.invoke("f:3", "null")
        first, *middle, before, last = framed(service, reply.request_id)
        assert first == f"START RequestId: {reply.request_id} Version: 3"
        assert {"past Python", "without an end"} < set(middle)
        assert before == f"END RequestId: {reply.request_id}"
        report = REPORT.format(id=reply.request_id) + r"(Max Memory Used: \d+ MB\t)?" + initialised
        assert re.fullmatch(report, last), last


async def test_a_report_says_how_a_call_has_failed(serve):
    service = serve("plain:sleeps", timeout=0.05)
    reply = await service.invoke("f", "60")
    *_, last = framed(service, reply.request_id)
    assert last.endswith("\tStatus: timeout\t")
    service = serve("plain:raises")
    reply = await service.invoke("f", "null")
    *_, last = framed(service, reply.request_id)
    assert last.endswith("\tStatus: error\tError Type: Exception\t")


async def test_a_frame_stands_once_around_a_call_that_is_cancelled_or_crashes(serve):
    service = serve("coroutines:forever", timeout=0.05)
    reply = await service.invoke("f", "null")
    await service.stop(1)
    assert [line.split()[0] for line in framed(service, reply.request_id) if "RequestId: " in line][-2:] == [
        "END",
        "REPORT",
    ]
    assert sum(line.startswith("REPORT") for line in framed(service, reply.request_id)) == 1


def test_a_ring_keeps_the_last_lines_and_logs_at_info(caplog):
    ring = LogRing(lines=2)
    with caplog.at_level(logging.INFO, "stepwell.functions"):
        for n in range(3):
            ring(FunctionLogLine("f", "r", n, f"line {n}"))
    assert [line.message for line in ring.lines("f")] == ["line 1", "line 2"]
    assert caplog.messages == ["f r line 0", "f r line 1", "f r line 2"]


def test_a_ring_is_bounded_by_the_length_of_its_lines_too():
    ring = LogRing(characters=10)
    for n in range(3):
        ring(FunctionLogLine("f", "r", n, str(n) * 4))
    assert [line.message for line in ring.lines("f")] == ["1111", "2222"]


def test_lines_of_two_streams_do_not_mix_and_endless_ones_are_cut():
    told: list[str] = []
    cutter = LineCutter("f", lambda line: told.append(line.message), "s")
    cutter.write("r", 1, b"half ")
    cutter.write("r", 2, b"whole\n")
    cutter.write("r", 1, b"done\r\n")
    assert told == ["whole", "half done"]
    cutter.write("r", 1, b"x" * 600_000)
    assert [len(line) for line in told[2:]] == [262_144, 262_144]
    cutter.close()
    assert sum(len(line) for line in told[2:]) == 600_000


async def test_lines_name_the_execution_that_their_call_belongs_to(serve):
    service = serve("coroutines:prints", concurrency=5)
    replies = await asyncio.gather(*(service.invoke("f", str(n), execution_arn=f"e{n}") for n in range(5)))
    told = {(line.request_id, line.execution) for line in service.logs.lines("f")}
    assert told == {(reply.request_id, f"e{n}") for n, reply in enumerate(replies)}


async def test_the_log_of_a_call_that_timed_out_comes_with_its_answer(serve):
    reply = await serve("plain:sleeps", timeout=0.05).invoke("f", "60", tail=True)
    assert unframed(reply.answer.log_tail) == f"{reply.request_id} Task timed out after 0.05 seconds\n".encode()


async def test_lines_of_all_functions_are_read_newest_first_and_waited_for():
    ring = LogRing()
    for n, function in enumerate("abab"):
        ring(FunctionLogLine(function, "r", n, str(n)))
    assert [line.message for _, line in ring.newest()] == ["3", "2", "1", "0"]
    assert [line.message for _, line in ring.newest("a")] == ["2", "0"]
    places = [place for place, _ in ring.newest()]
    assert places == sorted(set(places), reverse=True)
    waiting = asyncio.ensure_future(ring.wait(60))
    await asyncio.sleep(0)
    ring(FunctionLogLine("a", "r", 4, "4"))
    await waiting
