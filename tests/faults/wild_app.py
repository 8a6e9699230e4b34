"""An app whose handlers do what handlers should not, and one that works."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from typing import Any

from stepwell import Stepwell
from tests.patience import PATIENCE

app = Stepwell()
SIZE = int(os.environ.get("WILD_MEGABYTES", "100")) * 1_000_000


@app.function("works", concurrency=4)
def works(event: Any, context: Any) -> Any:
    return {"n": event["n"]}


@app.function("leaks", timeout=PATIENCE)
def leaks(event: Any, context: Any) -> None:
    """Within a bound that it sets itself: a test does not eat up the machine."""
    resource.setrlimit(resource.RLIMIT_AS, (1_000_000_000, 1_000_000_000))
    kept = []
    while True:
        kept.append(bytearray(10_000_000))


@app.function("hangs", timeout=2)
def hangs(event: Any, context: Any) -> None:
    """Deaf to all that may be heard."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        time.sleep(60)


@app.function("forks", timeout=PATIENCE)
def forks(event: Any, context: Any) -> Any:
    """Leaves children and grandchildren behind that hold all of its descriptors."""
    for _ in range(2):
        if os.fork() == 0:
            os.fork()
            time.sleep(3600)
    subprocess.Popen(["sleep", "3600"])
    return "forked"


@app.function("exits")
def exits(event: Any, context: Any) -> None:
    os._exit(3)


@app.function("crashes")
def crashes(event: Any, context: Any) -> None:
    ctypes.string_at(0)


@app.function("prints", timeout=900)
def prints(event: Any, context: Any) -> Any:
    """By Python's way and by the back door."""
    for _ in range(SIZE // 200_000):
        print("x" * 100_000)
        os.write(1, b"y" * 99_999 + b"\n")
    return "printed"


@app.function("prints_one_line", timeout=900)
def prints_one_line(event: Any, context: Any) -> Any:
    for _ in range(SIZE // 1_000_000):
        sys.stdout.write("z" * 1_000_000)
    return "printed"


@app.function("closes_output")
def closes_output(event: Any, context: Any) -> Any:
    os.close(1)
    os.close(2)
    sys.stdout.write("does anybody hear me?")
    return "closed"


@app.function("closes_everything", timeout=3)
def closes_everything(event: Any, context: Any) -> Any:
    os.closerange(0, 4096)
    time.sleep(3600)


@app.function("babbles", timeout=PATIENCE)
def babbles(event: Any, context: Any) -> Any:
    """Writes to its socket to the server what no frame is."""
    os.write(_socket(), os.urandom(100_000))
    time.sleep(3600)


@app.function("returns_much", timeout=PATIENCE)
def returns_much(event: Any, context: Any) -> Any:
    return "x" * SIZE


@app.function("prints_while_leaving")
def prints_while_leaving(event: Any, context: Any) -> None:
    print("last words")
    os.kill(os.getpid(), signal.SIGKILL)


def _socket() -> int:
    for name in os.listdir("/proc/self/fd"):
        try:
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                return int(name)
        except OSError:
            continue
    raise LookupError("no socket")
