"""Where the program's own log goes: standard error, a line a message."""

from __future__ import annotations

import logging
import sys


class _StandardError(logging.Handler):
    """Looks standard error up for every message: a progress view on a terminal stands in its place meanwhile."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            print(self.format(record), file=sys.stderr, flush=True)
        except Exception:
            self.handleError(record)


def set_up_logging(level: str) -> None:
    """Log messages of this level and above; `level` is one of those that the settings take."""
    message = "%(asctime)s %(levelname)s %(name)s %(message)s"
    logging.basicConfig(level=level.upper(), format=message, handlers=[_StandardError()])
