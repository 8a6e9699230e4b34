"""Upgrades a database, and is killed at a given step of it: `crashing_upgrade.py DATABASE STEP`.

At step 0 it is not killed, and writes how many steps there were.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys

from stepwell.store.sqlite import schema


def main(path: str, moment: int) -> None:
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        if steps == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0

    connection = sqlite3.connect(path, isolation_level=None)
    connection.set_progress_handler(step, 1)
    schema.migrate(connection)
    print(steps)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
