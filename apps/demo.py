"""`python -m apps.demo [APP…]`: runs the demos of apps, one after the other, then goes on serving until Ctrl-C.

With CI=true it ends after the last one; the exit code is 0 only when every demo has done what it shows.

Rules that must stay true here:
- All that it leaves behind stands in ./.demo/; the processes that demos start end with it.
- An app's demo is `apps.NAME.demo.play(folder, processes)`.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import httpx

from apps.processes import DemoFailed
from stepwell.commands.exit_code import CommandFailed, ExitCode

FOLDER = Path(".demo")
APPS = ("catalog", "keywords", "recovery")


def main() -> int:
    """Run the demos; the answer is the exit code."""
    parser = argparse.ArgumentParser(prog="python -m apps.demo", description=__doc__.splitlines()[0])
    parser.add_argument("apps", nargs="*", metavar="APP", help=f"of {', '.join(APPS)}; all without")
    asked = parser.parse_args().apps or APPS
    if unknown := set(asked) - set(APPS):
        parser.error(f"there is no app {', '.join(sorted(unknown))}; there are {', '.join(APPS)}")
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda number, _: sys.exit(128 + number))
    try:
        return _run(asked)
    except (DemoFailed, CommandFailed, httpx.HTTPError) as error:
        print(f"The demo failed: {error}", file=sys.stderr)
        return ExitCode.FAILED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


def _run(names: list[str] | tuple[str, ...]) -> int:
    with ExitStack() as processes:
        for name in names:
            print(f"--- {name}\n", flush=True)
            folder = FOLDER / name
            folder.mkdir(parents=True, exist_ok=True)
            importlib.import_module(f"apps.{name}.demo").play(folder, processes)
        if os.environ.get("CI", "").lower() in ("true", "1"):
            print("CI is set: the servers end here.")
            return ExitCode.DONE
        print("The servers go on until Ctrl-C.", flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return ExitCode.DONE


if __name__ == "__main__":
    sys.exit(main())
