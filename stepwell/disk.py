"""What has reached the disk: a file, or the names in a folder, outlive a power cut from then on."""

from __future__ import annotations

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's names, are on the disk. Raises OSError.

    A file that was made, or got another name, is there after a power cut only once its folder was synced as well.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
