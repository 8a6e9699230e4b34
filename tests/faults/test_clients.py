"""Clients that hold a connection without using it, or use it up: the server goes on for all others, within bounds."""

from __future__ import annotations

import json
import os
import resource
import selectors
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests import server
from tests.faults.caller import ARN, RESTS, Caller
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

LONG = os.environ.get("STEPWELL_FAULTS") == "long"
CONNECTIONS = 10_000 if LONG else 2_000
CLIENT_PATIENCE = 2  # seconds, as the server is told
HEAD = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-amz-json-1.0\r\n"
LIST = b"x-amz-target: AWSStepFunctions.ListStateMachines\r\ncontent-length: 2\r\n\r\n{}"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[server.Server]:
    folder = tmp_path_factory.mktemp("clients")
    with server.serving(folder, environment={"STEPWELL_CLIENT_PATIENCE": str(CLIENT_PATIENCE)}) as running:
        yield running
        assert running.terminate() == 0
    assert "Traceback" not in (folder / "server.log").read_text()


@contextmanager
def connected(running: server.Server, *first: bytes) -> Iterator[socket.socket]:
    with closing(socket.create_connection(("127.0.0.1", running.port), timeout=PATIENCE)) as client:
        for piece in first:
            client.sendall(piece)
        yield client


def all_of(client: socket.socket) -> bytes:
    """What comes until the server closes."""
    found = b""
    while True:
        try:
            piece = client.recv(65536)
        except ConnectionResetError:
            return found
        if not piece:
            return found
        found += piece


def memory(running: server.Server) -> int:
    """Bytes that the server holds."""
    pages = int(Path(f"/proc/{running.process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def goes_on(running: server.Server) -> None:
    assert Caller(running.port).ask("ListStateMachines").status == 200


@contextmanager
def dripping(client: socket.socket, text: bytes) -> Iterator[None]:
    """Sends a byte now and then, until the server has enough of it."""
    client.settimeout(0.1)
    deadline = time.monotonic() + PATIENCE
    for at in range(len(text)):
        assert time.monotonic() < deadline, "the server waits for ever"
        try:
            client.sendall(text[at : at + 1])
            if client.recv(1, socket.MSG_PEEK) is not None:
                break
        except TimeoutError:
            continue
        except OSError:
            break
    client.settimeout(PATIENCE)
    yield


def test_a_head_that_comes_byte_by_byte_is_not_waited_for(running: server.Server) -> None:
    with connected(running) as client, dripping(client, HEAD + b"x-more: " + b"x" * 5000):
        goes_on(running)
        assert all_of(client).startswith(b"HTTP/1.1 408 ")


def test_a_body_that_comes_byte_by_byte_is_not_waited_for(running: server.Server) -> None:
    target = b"x-amz-target: AWSStepFunctions.ListStateMachines\r\ncontent-length: 5000\r\n\r\n"
    with connected(running, HEAD + target) as client, dripping(client, b"{" + b" " * 5000):
        goes_on(running)
        assert all_of(client).startswith(b"HTTP/1.1 408 ")


def test_a_large_body_that_goes_on_is_waited_for(running: server.Server) -> None:
    """Longer than the server's patience, but always a little more."""
    body = json.dumps({"name": "a", "padding": "x" * 200_000}).encode()
    length = b"content-length: %d\r\n\r\n" % len(body)

    def is_waited_for() -> bool:
        with connected(running, HEAD + b"x-amz-target: AWSStepFunctions.CreateActivity\r\n" + length) as client:
            with suppress(ConnectionError):
                for at in range(0, len(body), 20_000):
                    client.sendall(body[at : at + 20_000])
                    time.sleep(CLIENT_PATIENCE / 6)
            return not client.recv(17).startswith(b"HTTP/1.1 408 ")

    until(is_waited_for)  # on a busy machine, little may come for longer than the server's patience


def test_a_head_without_end_is_refused(running: server.Server) -> None:
    before = memory(running)
    with connected(running) as client:
        sent, line = 0, b"x-padding: " + b"x" * 60_000 + b"\r\n"
        with suppress(ConnectionError):
            client.sendall(HEAD)
            while sent < 200_000_000:
                client.sendall(line)
                sent += len(line)
        assert sent < 20_000_000
    goes_on(running)
    assert memory(running) < before + 30_000_000


def test_a_client_that_stops_reading_is_let_go(running: server.Server) -> None:
    client = Caller(running.port)
    machine = client.create("Large", {"Pass": {"Type": "Pass", "End": True}})
    made = client.call("StartExecution", stateMachineArn=machine, name="large", input=json.dumps("x" * 250_000))
    client.end_of(made["executionArn"])
    body = json.dumps({"executionArn": made["executionArn"]}).encode()
    ask = HEAD + b"x-amz-target: AWSStepFunctions.GetExecutionHistory\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    before = memory(running)
    with closing(socket.socket()) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.settimeout(2)
        deaf.connect(("127.0.0.1", running.port))
        try:
            for _ in range(500):
                deaf.sendall(ask)
        except TimeoutError:
            pass  # the server reads no further
        assert memory(running) < before + 50_000_000
        goes_on(running)
        # It is not closed in order, with all that was to be sent, but cut off:
        until(lambda: not established(running, deaf.getsockname()[1]))
    goes_on(running)


def established(running: server.Server, port: int) -> bool:
    """Whether the server still holds its end of a connection from this port."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    ends = [line.split()[1:4] for line in lines]
    return any(
        int(local.rpartition(":")[2], 16) == running.port and int(remote.rpartition(":")[2], 16) == port
        for local, remote, state in ends
        if state == "01"
    )


def test_requests_one_behind_the_other_are_answered_in_order(running: server.Server) -> None:
    with connected(running, (HEAD + LIST) * 50 + HEAD + b"connection: close\r\n" + LIST) as client:
        assert all_of(client).count(b"HTTP/1.1 200 OK") == 51


def test_a_client_that_closes_half_its_connection_is_taken_as_gone(running: server.Server) -> None:
    client = Caller(running.port)
    client.call("CreateActivity", name="Ask")
    body = json.dumps({"activityArn": f"{ARN}activity:Ask"}).encode()
    poll = HEAD + b"x-amz-target: AWSStepFunctions.GetActivityTask\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    with connected(running, poll) as half:
        half.shutdown(socket.SHUT_WR)
        assert all_of(half) == b""
    states = {"Ask": {"Type": "Task", "Resource": f"{ARN}activity:Ask", "End": True}}
    client.start(client.create("Asks", states), "e")
    assert client.call("GetActivityTask", activityArn=f"{ARN}activity:Ask")[
        "taskToken"
    ]  # it was not given to the other


def test_what_is_no_http_is_refused(running: server.Server) -> None:
    with connected(running, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(200)) as client:
        assert all_of(client).startswith(b"HTTP/1.1 400 ")
    goes_on(running)


def test_idle_connections_cost_little_and_keep_nobody_out(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + 300
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"the system lets a process have {hard} files only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    idle: list[socket.socket] = []
    try:
        with server.serving(tmp_path) as running:
            client = Caller(running.port)
            rests = client.create("Rests", RESTS)
            before = memory(running)
            for _ in range(CONNECTIONS):
                idle.append(socket.create_connection(("127.0.0.1", running.port), timeout=PATIENCE))
                idle[-1].sendall(HEAD + LIST)  # each has been of use once
            with selectors.DefaultSelector() as answers:
                for each in idle:
                    answers.register(each, selectors.EVENT_READ, each)
                deadline, missing = time.monotonic() + PATIENCE, set(idle)
                while missing and time.monotonic() < deadline:
                    for key, _ in answers.select(1):
                        missing.discard(key.data)
                        answers.unregister(key.fileobj)
            assert not missing
            each_costs = (memory(running) - before) / CONNECTIONS
            print(f"\n{CONNECTIONS} idle connections, {each_costs / 1000:.1f} kB each")
            assert each_costs < 30_000
            execution = client.start(rests, "beside")
            assert client.end_of(execution)["status"] == "SUCCEEDED"
            assert running.terminate() == 0
    finally:
        for each in idle:
            each.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def is_refused(client: socket.socket) -> bool:
    try:
        return client.recv(100, socket.MSG_PEEK).startswith(b"HTTP/1.1 503 ")
    except OSError:
        return False


def test_more_connections_than_descriptors_leave_the_store_and_handlers_theirs(tmp_path: Path) -> None:
    prefix = ["bash", "-c", 'ulimit -n 600; exec "$@"', "limited"]
    with server.serving(tmp_path, prefix=prefix) as running:
        client = Caller(running.port)
        rests = client.create("Rests", RESTS)
        with ExitStack() as idle:
            held = [idle.enter_context(socket.create_connection(("127.0.0.1", running.port), 30)) for _ in range(700)]
            for each in held:
                each.setblocking(False)
            until(lambda: sum(is_refused(each) for each in held) >= 300)
        until(lambda: client.get("/ready").status == 200)
        assert client.end_of(client.start(rests, "after"))["status"] == "SUCCEEDED"
        assert running.terminate() == 0
