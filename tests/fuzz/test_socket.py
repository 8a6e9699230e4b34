"""A share of the bad requests, sent to a server of its own over a socket, and what is left of it afterwards."""

from __future__ import annotations

import socket
from itertools import islice
from pathlib import Path
from random import Random

from stepwell.api.service_model import INPUTS
from tests.fuzz import doors, operations
from tests.fuzz.mutations import mutations
from tests.fuzz.world import _MAY_WAIT
from tests.server import Server, serving

MOST_GROWTH = 48 * 1024 * 1024  # bytes of the server's memory over all that is sent below


def ask(server: Server, data: bytes, seconds: float) -> int:
    """The status of the answer; 0 where none comes in time, as to what is not whole, or may wait."""
    with socket.create_connection(("127.0.0.1", server.port), 20) as connection:
        connection.sendall(data)
        connection.settimeout(seconds)
        try:
            answer = connection.recv(65_536)
        except (TimeoutError, ConnectionResetError):
            return 0
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0


def resident(server: Server) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def good() -> list[bytes]:
    """Whole requests that are answered at once."""
    known = [request for of_door in doors.DOORS.values() for request in of_door]
    return [request for request in known if _MAY_WAIT.search(request) is None]


def bad() -> list[bytes]:
    random = Random(0)
    drawn = [operations.request(random, {}, name) for name in sorted(INPUTS) for _ in range(3)]
    return [*drawn, *islice(mutations("socket", good(), ()), 100)]


def test_a_server_outlives_what_is_sent_to_it(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        statuses, before = [], 0
        for _ in range(2):
            statuses += [ask(server, data, 0.2) for data in bad()]
            statuses += [ask(server, data, 20) for data in good()]
            before = before or resident(server)
        assert [status for status in statuses if status >= 500] == []
        assert statuses.count(200) > 20
        assert resident(server) - before < MOST_GROWTH
        assert ask(server, b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 20) == 200
        assert "Traceback" not in server.log.read_text()
        assert server.terminate() == 0
