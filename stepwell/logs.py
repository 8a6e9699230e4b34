"""Where the program's own log goes: standard error, a line a message.

Rules that must stay true here:
- Libraries that log what they send and receive are kept from it at every level: secrets are in there.
"""

from __future__ import annotations

import logging
import sys
from typing import Final

_TALKATIVE: Final = {"boto3": "INFO", "botocore": "INFO", "urllib3": "INFO", "httpcore": "INFO", "httpx": "WARNING"}
"""Loggers that tell bodies, headers or addresses below these levels."""


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
    for name, least in _TALKATIVE.items():
        logging.getLogger(name).setLevel(max(logging.getLevelName(level.upper()), logging.getLevelName(least)))
