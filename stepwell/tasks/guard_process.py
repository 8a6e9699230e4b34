"""The process that outlives a killed server by a moment, to end what the server had started: a program of its own.

Rules that must stay true here:
- It does nothing while the server lives, and ends with it: standard input is the server's pipe, and its end is the end.
- Only the standard library's built-in parts are imported: it is started without the site's packages.

Standard input brings lines: `+N` when a process group begins, `-N` when it is gone.
"""

import os
import signal
import sys


def main() -> None:
    groups: set[int] = set()
    for line in sys.stdin.buffer:
        number = int(line[1:])
        if line.startswith(b"+"):
            groups.add(number)
        else:
            groups.discard(number)
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except OSError:  # it has ended by itself
            continue


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # whoever asks the server to stop waits for its handlers
    main()
