"""`make conformance`: replay against a fresh server what AWS answered, and hold what has been reached.

The folder of the cases holds `run.py`, which replays and grades them, and `cases/`. The answer is 0 when no case has
fallen below the ratchet.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.conformance import ratchet
from tests.conformance.object_store import object_store
from tests.conformance.report import shares, table, write_page
from tests.conformance.scope import left_out
from tests.server import serving

JOBS = 6
PATIENCE = 30  # seconds for one execution: one is recorded to be stopped while it waits for a minute


def main() -> int:
    parser = argparse.ArgumentParser(prog="make conformance", description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=Path, required=True, help="the folder that holds run.py and cases/")
    parser.add_argument("--ratchet", choices=["check", "write"], default="check", help="hold the bar, or raise it")
    parser.add_argument("-k", default="", metavar="PART", help="only cases whose id contains this; shows differences")
    options = parser.parse_args()
    runner = options.cases.resolve() / "run.py"
    if not runner.is_file():
        parser.error(f"{runner} is not there: name the folder of the cases with STEPWELL_CONFORMANCE")

    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stepwell-conformance-") as folder, object_store() as s3:
        if s3 is None:
            print("the cases that need S3 are skipped: pip install --group conformance")
        results = _replay(runner, Path(folder), s3, options.k)
        reached = ratchet.levels(results)
        asked = ratchet.read()
        fallen = ratchet.fallen(asked, reached)
        if fallen and options.ratchet == "check":
            reached |= _replay_again(runner, Path(folder), s3, sorted(fallen))
            fallen = ratchet.fallen(asked, reached)

    cases = [json.loads(path.read_text("utf-8")) for path in (runner.parent / "cases").rglob("*.json")]
    uses = {case["id"]: left_out(case) for case in cases}
    figures = table(reached, uses, {case["id"]: case["category"] for case in cases})
    print(f"\n{figures}\n")
    print(f"replayed in {time.monotonic() - began:.0f} s")
    print(shares("all cases", reached.values()))
    inside = {case: level for case, level in reached.items() if not uses[case]}
    print(shares("in scope", inside.values()))
    for case, level in inside.items():
        if level != "history":
            print(f"  {'not in history' if level == 'outcome' else 'not in outcome'}: {case}")
    if options.k:
        return 0
    if options.ratchet == "write":
        ratchet.write(reached)
        write_page(figures)
        print(f"the ratchet is at {len(ratchet.read())} cases")
        return 0
    for case, level in fallen.items():
        print(f"FALLEN {case}: it must pass in {level}, and reaches {reached[case]}")
    risen = sorted(case for case, level in reached.items() if level != "failed" and asked.get(case) != level)
    if risen and not fallen:
        print(f"{len(risen)} cases reach more than is asked for; hold them: make conformance RATCHET=write")
    print(f"ratchet: {len(asked)} cases held, {len(fallen)} fallen")
    return 1 if fallen else 0


def _replay(runner: Path, folder: Path, s3: str | None, part: str) -> list[dict[str, object]]:
    """The runner's results, from a server of its own."""
    mocks = folder / "mocks.json"
    subprocess.run([sys.executable, str(runner), "--write-mock-config", str(mocks)], check=True)
    arguments = ["--mock-config", str(mocks), "--log-level", "error"]
    with serving(folder, arguments, environment=_environment(s3)) as server:
        return _run(runner, server.url, folder, s3, ["-v", "-k", part] if part else [])


def _replay_again(runner: Path, folder: Path, s3: str | None, cases: Sequence[str]) -> dict[str, str]:
    """What single cases reach one by one on a fresh server: what a busy machine has delayed is no fall."""
    with (
        tempfile.TemporaryDirectory(dir=folder) as own,
        serving(Path(own), ["--mock-config", str(folder / "mocks.json")], environment=_environment(s3)) as server,
    ):
        again: dict[str, str] = {}
        for case in cases:
            again |= ratchet.levels(_run(runner, server.url, folder, s3, ["-v", "-k", case]))
    return {case: again[case] for case in cases if case in again}


def _environment(s3: str | None) -> dict[str, str]:
    return {} if s3 is None else {"AWS_ENDPOINT_URL_S3": s3}


def _run(runner: Path, url: str, folder: Path, s3: str | None, options: Sequence[str]) -> list[dict[str, object]]:
    results = folder / "results.json"
    command = [sys.executable, str(runner), "--endpoint-url", url, "--json", str(results)]
    command += ["--jobs", str(JOBS), "--timeout", str(PATIENCE)]
    if s3 is not None:
        command += ["--aux-endpoint-url", s3]
    subprocess.run([*command, *options], check=True)
    found: list[dict[str, object]] = json.loads(results.read_text("utf-8"))["results"]
    return found


if __name__ == "__main__":
    sys.exit(main())
