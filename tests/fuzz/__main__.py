"""Fuzzing for as long as one likes: `python -m tests.fuzz`, which `make fuzz` calls.

    python -m tests.fuzz                               all targets, a minute in all
    python -m tests.fuzz --minutes 60 jsonpath csv     these, for an hour
    python -m tests.fuzz --count 1000000               so many inputs of the quickest target, fewer of slower ones
    python -m tests.fuzz --guided --minutes 10         inputs chosen by what they reach (needs `pip install atheris`)
    python -m tests.fuzz --replay csv FILE             one input again, with all of its trace

A target runs in a process of its own, so that a crash, or an input that never ends, is a finding like any other.
What is found is written to .fuzz/TARGET; to keep it as a test, move it to tests/fuzz/corpus/TARGET.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from tests.fuzz.trial import Slate, try_guided, try_many

FOUND: Final = Path(".fuzz")
_STUCK: Final = 240.0  # seconds without a new input


def main(arguments: Sequence[str]) -> int:
    """The exit code: 1 where something was found."""
    asked = _parsed(arguments)
    if asked.one:
        return _one(asked)
    from tests.fuzz.targets import TARGETS

    by_name = {target.name: target for target in TARGETS}
    unknown = [name for name in asked.targets if name not in by_name]
    if unknown:
        print(f"There is no target {unknown[0]}. Targets are: {', '.join(by_name)}", file=sys.stderr)
        return 2
    if asked.replay:
        name, file = asked.replay
        by_name[name].try_one(Path(file).read_bytes())
        print("nothing wrong")
        return 0
    chosen = [by_name[name] for name in asked.targets] or [
        target for target in TARGETS if target.guided or not asked.guided
    ]
    seconds = asked.minutes * 60 / len(chosen) if asked.count is None else 10**6
    print(f"seed {asked.seed}: {len(chosen)} targets" + (f", {seconds:.0f} s each" if asked.count is None else ""))
    found = 0
    for target in chosen:
        count = 10**12 if asked.count is None else max(1, round(asked.count * target.weight))
        found += _tried(target.name, count, seconds, asked.seed, asked.guided)
    print(f"{found} found" if found else "nothing found")
    return 1 if found else 0


def _parsed(arguments: Sequence[str]) -> Any:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--count", type=int)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--guided", action="store_true")
    parser.add_argument("--replay", nargs=2, metavar=("TARGET", "FILE"))
    parser.add_argument("--one", nargs=3, metavar=("COUNT", "SECONDS", "SLATE"), help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _one(asked: Any) -> int:
    """Try one target in this process, and say what came of it on the last line."""
    name, slate = asked.targets[0], Slate(Path(asked.one[2]))
    count, seconds = int(asked.one[0]), float(asked.one[1])
    if asked.guided:
        try_guided(name, count, seconds, slate, Path(asked.one[2]).parent)
        return 0
    from tests.fuzz.targets import TARGETS

    target = next(target for target in TARGETS if target.name == name)
    print(json.dumps(asdict(try_many(target, asked.seed, count, seconds, slate))))
    return 0


def _tried(name: str, count: int, seconds: float, seed: int, guided: bool) -> bool:
    """Whether something was found: tell how many inputs a target was given, and write down the one that is a fault."""
    with tempfile.TemporaryDirectory(prefix="stepwell-fuzz-") as folder:
        slate = Slate(Path(folder) / "slate")
        command = [sys.executable, "-m", "tests.fuzz", name, "--seed", str(seed)]
        command += ["--one", str(count), str(seconds), f"{folder}/slate", *(["--guided"] if guided else [])]
        with (Path(folder) / "log").open("w+b") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
            fault, began = _watched(process, slate), time.monotonic()
            log.seek(0)
            said = log.read().decode(errors="replace").splitlines()
        done, data = slate.read()
        if fault is None and process.returncode == 0 and not guided:
            trial = json.loads(said[-1])
            fault, began = trial["fault"], time.monotonic() - trial["seconds"]
        elif fault is None and process.returncode != 0:
            fault = f"exit code {process.returncode}: " + "\n".join(said[-12:])
    print(f"{name:16} {done:>12,} inputs{f'  in {time.monotonic() - began:.0f} s' if not guided else ''}", flush=True)
    if fault is None:
        return False
    place = FOUND / name / hashlib.sha256(data).hexdigest()[:12]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    print(f"    {fault}\n    again: {Path(sys.executable).name} -m tests.fuzz --replay {name} {place}", flush=True)
    return True


def _watched(process: subprocess.Popen[bytes], slate: Slate) -> str | None:
    """Wait for the end; the answer is what is wrong where there is none."""
    count, since = 0, time.monotonic()
    while True:
        try:
            process.wait(1)
            return None
        except subprocess.TimeoutExpired:
            now, _ = slate.read()
            if now != count:
                count, since = now, time.monotonic()
            elif time.monotonic() - since > _STUCK:
                process.kill()
                process.wait(10)
                return f"it has not ended after {_STUCK:.0f} s"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
