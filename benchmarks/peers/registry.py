"""The peers, in the order of the table; Stepwell comes first."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.peers.aws import AwsPeer
from benchmarks.peers.peer import Peer
from benchmarks.peers.program import Dbos, LocalStepFunctions
from benchmarks.peers.restate import Restate


class _Stepwell(AwsPeer):
    """This checkout, in this environment."""

    def _python(self, cached: Path) -> Path:
        return Path(sys.executable)


def _stepwell(python: Path, port: int, folder: Path) -> Sequence[str]:
    words = [str(python), "-m", "stepwell", "serve", "benchmarks.app:app"]
    return [*words, "--port", str(port), "--store", str(folder / "stepwell.db")]


def _stepwell_environment(port: int, folder: Path) -> Mapping[str, str]:
    return {"PYTHONPATH": str(Path(__file__).parents[2])}


def _localstack(python: Path, port: int, folder: Path) -> Sequence[str]:
    return [str(python), "-m", "localstack.runtime.main"]


def _localstack_environment(port: int, folder: Path) -> Mapping[str, str]:
    return {
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "LOCALSTACK_HOST": f"127.0.0.1:{port}",
        "FILESYSTEM_ROOT": str(folder / "filesystem"),
        "OVERRIDE_IN_DOCKER": "0",
        "SERVICES": "stepfunctions,lambda,sts,iam,logs,cloudwatch,events,s3",
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "LS_LOG": "error",
    }


def _moto(python: Path, port: int, folder: Path) -> Sequence[str]:
    return [str(python.parent / "moto_server"), "-p", str(port)]


def _ministack(python: Path, port: int, folder: Path) -> Sequence[str]:
    return [str(python.parent / "ministack")]


def _ministack_environment(port: int, folder: Path) -> Mapping[str, str]:
    return {"GATEWAY_PORT": str(port), "PERSIST_STATE": "1", "STATE_DIR": str(folder / "state"), "LOG_LEVEL": "ERROR"}


# The last versions that ask for no account: 4.14 needs Python 3.13. What their requirements lead to today does not let
# them start, so five of them are named as well.
_LOCALSTACK = (
    f"localstack-core[runtime]=={'4.14.0' if sys.version_info >= (3, 13) else '4.7.0'}",
    "cbor2<6",
    "cryptography<46",
    "psutil<7",
    "pyopenssl<26",
    "service-identity",
)

AWS: tuple[AwsPeer, ...] = (
    _Stepwell("Stepwell", "a server, SQLite", "stepwell", (), _stepwell, _stepwell_environment, has_function=True),
    AwsPeer(
        "LocalStack",
        "a server, in memory",
        "localstack-core",
        _LOCALSTACK,
        _localstack,
        _localstack_environment,
    ),
    AwsPeer(
        "moto",
        "a server, in memory",
        "moto",
        ("moto[server,stepfunctions]>=5.1,<6",),
        _moto,
        prepare=("/moto-api/config", {"stepfunctions": {"execute_state_machine": True}}),
    ),
    AwsPeer("ministack", "a server, in memory", "ministack", ("ministack",), _ministack, _ministack_environment),
)
OTHERS: tuple[Peer, ...] = (
    LocalStepFunctions(),
    Dbos("DBOS-SQLite", "a library for Python, SQLite", on_postgres=False),
    Dbos("DBOS-PostgreSQL", "a library for Python, PostgreSQL", on_postgres=True),
    Restate(),
)
PEERS: dict[str, Peer] = {found.name: found for found in (*AWS, *OTHERS)}
