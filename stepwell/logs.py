"""Where the program's own log goes: standard error, a line a message."""

from __future__ import annotations

import logging


def set_up_logging(level: str) -> None:
    """Log messages of this level and above; `level` is one of those that the settings take."""
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s")
