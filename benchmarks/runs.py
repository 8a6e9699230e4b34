"""Runs of workloads, one after the other, each in a process of its own that is ended when it takes too long.

Rules that must stay true here:
- What fails is told, and stops nothing else.
- Whatever a run has started ends with it.
- What is measured is compiled once, as an installed program is, whatever the shell says about bytecode.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from benchmarks.figure import Failure, Figure, Sample, figures
from benchmarks.one import SAMPLES
from benchmarks.workloads.workload import Workload


def rounds(
    name: str, workload: Workload, times: int, scale: float, parent: Path | None, tell: Callable[[str], None]
) -> tuple[list[Figure], list[Failure]]:
    """The figures of a workload, and what failed. The stores lie in a temporary folder below `parent`."""
    runs: list[Sequence[Sample]] = []
    failures: list[Failure] = []
    for number in range(1, times + 1):
        tell(f"{name}, run {number} of {times}")
        with tempfile.TemporaryDirectory(prefix="stepwell-bench-", dir=parent, ignore_cleanup_errors=True) as folder:
            try:
                words = ["benchmarks.one", name, folder, "--scale", str(scale)]
                runs.append(one_run(words, workload.seconds, Path(folder)))
            except RunFailed as failed:
                tell(f"{name}, run {number} of {times} failed: {failed}")
                failures.append(Failure(name, f"run {number} of {times}: {failed}"))
    return figures(name, runs), failures


class RunFailed(Exception):
    """A run gave no figures; the message says why."""


def one_run(module: Sequence[str], seconds: float, folder: Path) -> list[Sample]:
    """What one run tells: of a module with its arguments, which writes it to the folder. Raises RunFailed."""
    command = [sys.executable, "-m", *module]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with (folder / "errors.log").open("w+b") as errors:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stderr=errors, start_new_session=True
        )
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise RunFailed(f"it has not ended after {seconds:g} s") from None
        finally:
            _end(process)
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip().splitlines()
    if code:
        raise RunFailed(said[-1][:300] if said else f"it has ended with {code}")
    return [sample(record) for record in json.loads((folder / SAMPLES).read_text())]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the run, and kill what it has left behind: the group is the session that it was started in."""
    if process.poll() is None:
        process.terminate()  # a run whose servers have groups of their own ends them now
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(15)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def sample(record: dict[str, object]) -> Sample:
    """A sample as it was written to a file."""
    return msgspec.convert(record, Sample)
